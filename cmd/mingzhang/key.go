package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

func (s *session) keyCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: s.lang.text("签名的密钥:新建、查看公钥、更换、停用旧的", "the keys that sign the logs: make a secret, show public keys, rotate, retire"),
	}
	cmd.AddCommand(s.keyGenerateCmd(), s.keyShowCmd(), s.keyRotateCmd(), s.keyRetireCmd())
	return cmd
}

func (s *session) keyGenerateCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "generate [FILE]",
		Short: s.lang.text("新建一个 secret 文件(默认 ./secret),只有您能读", "make a new file secret (default ./secret), readable by you alone"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := secretFile
			if len(args) > 0 {
				path = args[0]
			}
			if _, err := os.Lstat(path); err == nil {
				return failed(exitUsage, "%s 已经存在,没有改动。", "%s exists already and was not changed.", path)
			}
			secret := make([]byte, transparency.SecretBytes)
			rand.Read(secret) // never fails
			if err := writeNew(path, hex.EncodeToString(secret)+"\n"); err != nil {
				if errors.Is(err, fs.ErrNotExist) {
					return failed(exitStorage, "没有目录 %[1]s;请先建立,只给自己:install -d -m 700 %[1]s。", "There is no directory %[1]s: make it first, for yourself alone: install -d -m 700 %[1]s.", filepath.Dir(path))
				}
				return cannotWrite(path, err)
			}
			_, err := fmt.Fprintf(s.stdout, s.lang.text("签名的密钥在 %s。请另抄一份放在别处:丢了就不能接着签,被人拿到就能替账簿签名。\n",
				"The secret that signs is in %s. Keep a copy of it elsewhere: without it nothing can be signed any more, and whoever has it can sign.\n"), path)
			return err
		},
	}
}

// shownKey is one key as key show tells it.
type shownKey struct {
	Log         string `json:"log"` // stream, empty where a signer is asked
	Origin      string `json:"origin"`
	Generation  uint32 `json:"generation"`
	State       string `json:"state"` // signing or retired
	VerifierKey string `json:"verifierKey"`
	Signed      uint64 `json:"signed"` // number of events of the head that was signed last
}

func (s *session) keyShowCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: s.lang.text("各账簿的公钥", "the public keys of all logs"),
		Long: s.lang.text(`数据目录里各账簿的公钥;服务开着也行。给了 --signer 就是那个签名进程记得的各账簿。
请把集体账簿的公钥抄进成立大会的会议记录,登在公示栏上:核对的人要从服务器以外的地方知道它。`,
			`The public keys of the logs of a data directory, also while it is served; with --signer those of all logs that signer remembers.
Put the key of a collective's log into the minutes of its founding and on the notice board: who checks has to know it from elsewhere than the server.`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.server != "" {
				return failed(exitUsage, "key show 看的是数据目录或签名进程;请用 --data 或 --signer。服务器上一个集体的公钥用 mingzhang get-head 看。",
					"key show looks at a data directory or a signer: use --data or --signer. mingzhang get-head has the key of a collective on a server.")
			}
			keys, err := s.shownKeys(cmd.Context())
			if err != nil {
				return err
			}
			return s.printKeys(keys)
		},
	}
}

func (s *session) shownKeys(ctx context.Context) ([]shownKey, error) {
	streams := map[string]string{} // by origin
	var signer transparency.Signer
	if s.signer != "" {
		remote, err := transparency.DialSigner(s.signer, "")
		if err != nil {
			return nil, err
		}
		defer remote.Close()
		origins, err := remote.Origins(ctx)
		if err != nil {
			return nil, err
		}
		for _, origin := range origins {
			streams[origin] = ""
		}
		signer = remote
	} else {
		if err := readFormat(s.data); err != nil {
			return nil, err
		}
		local, err := openSigner(s.data, "")
		if err != nil {
			return nil, err
		}
		defer local.Close()
		if err := originsIn(s.data, streams); err != nil {
			return nil, err
		}
		signer = local
	}
	var shown []shownKey
	for origin, stream := range streams {
		keys, err := signer.Keys(ctx, origin)
		if err != nil {
			return nil, err
		}
		last, err := signer.Last(ctx, origin)
		if err != nil && !errors.Is(err, transparency.ErrSignerAway) {
			return nil, err
		}
		for _, k := range keys {
			shown = append(shown, shownKey{stream, origin, k.Generation, string(k.State), k.VerifierKey, last.Size})
		}
	}
	slices.SortFunc(shown, func(a, b shownKey) int {
		if a.Origin != b.Origin {
			return strings.Compare(a.Origin, b.Origin)
		}
		return int(a.Generation) - int(b.Generation)
	})
	return shown, nil
}

// originsIn finds the logs that have a head in a data directory.
func originsIn(dir string, streams map[string]string) error {
	names, err := headNames(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		stream, ok := transparency.HeadStream(name)
		if !ok {
			continue
		}
		msg, err := os.ReadFile(filepath.Join(dir, headsDir, name))
		if err != nil {
			return err
		}
		if head, err := transparency.ReadHead(msg); err == nil { // verify says what is wrong with others
			streams[head.Origin] = stream
		}
	}
	return nil
}

func (s *session) printKeys(keys []shownKey) error {
	if s.json {
		if keys == nil {
			keys = []shownKey{}
		}
		return s.printJSON(keys)
	}
	t := &table{columns: []column{
		{name: "log", zh: "账簿", en: "Log"}, {name: "generation", zh: "代", en: "Generation", right: true}, {name: "state", zh: "状态", en: "State"},
		{name: "signed", zh: "已签到", en: "Signed", right: true}, {name: "key", zh: "公钥", en: "Public key"},
	}}
	states := map[string]string{string(transparency.KeySigning): s.lang.text("在用", "signing"), string(transparency.KeyRetired): s.lang.text("已停用", "retired")}
	for _, k := range keys {
		log := k.Log
		if log == "" {
			log = k.Origin
		}
		t.add(log, strconv.FormatUint(uint64(k.Generation), 10), states[k.State], strconv.FormatUint(k.Signed, 10), k.VerifierKey)
	}
	if s.csv {
		return t.printCSV(s.stdout)
	}
	return t.print(s.stdout, s.lang)
}

func (s *session) keyRotateCmd() *cobra.Command {
	var newSecret string
	cmd := &cobra.Command{
		Use:   "rotate COLLECTIVE",
		Short: s.lang.text("换一把密钥来签集体的账簿;旧的一起签,直到停用", "have another key sign a collective's log; the old one signs too until it is retired"),
		Long: s.lang.text(`更换记在账簿里,两把公钥都写明;从那以后每个根有两个签名。把新公钥公示过、各处都知道了,再停用旧的:mingzhang key retire。
--new-secret:新密钥出自另一个 secret 文件(mingzhang key generate),它会添到数据目录的 secret 里,请把 secret 重新另存一份。`,
			`The rotation is recorded in the log with both public keys; from then on every head has two signatures. When the new key is known everywhere, end the old one: mingzhang key retire.
With --new-secret the new key comes from another file secret (mingzhang key generate). It is added to the file secret of the data directory: keep a new copy of that.`),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.collective = args[0]
			if newSecret != "" {
				if err := s.addSecret(newSecret); err != nil {
					return err
				}
			}
			return s.with(func(c *client) error { return c.rotateKey(cmd.Context()) })
		},
	}
	cmd.Flags().StringVar(&newSecret, "new-secret", "", s.lang.text("新密钥出自这个 secret 文件(只用于数据目录)", "file secret that the new key comes from (in a data directory)"))
	return cmd
}

// rotateKey tries the second generation, and after a refusal the one that is next.
func (c *client) rotateKey(ctx context.Context) error {
	ctx, collective, err := c.giving(ctx, "RotateLogKey")
	if err != nil {
		return err
	}
	r := &apiv1.RotateLogKeyRequest{CommandId: commandID(""), CollectiveId: collective, Generation: 2}
	answer, err := c.registry.RotateLogKey(ctx, r)
	if refusal := refusalIn(err); refusal != nil && refusal.Reason == string(ledger.LogKeyGeneration) {
		current, parseErr := strconv.ParseUint(refusal.Figures["current"], 10, 32)
		if parseErr != nil {
			return err
		}
		r.Generation = uint32(current) + 1
		answer, err = c.registry.RotateLogKey(ctx, r)
	}
	if err != nil {
		return repeatable(err, r)
	}
	key := ""
	if c.dir != nil { // elsewhere get-head has it
		key = c.dir.log.signer.rotatedKey(ctx, c.dir, collective, r.Generation)
	}
	return c.session.showReceipt(answer.Receipt, fmt.Sprintf("第 %d 代密钥从此一起签名。%s", r.Generation, key),
		fmt.Sprintf("The key of generation %d signs from now on. %s", r.Generation, key))
}

// addSecret adds a root secret to the file of a data directory, as its last line, unless it is that already.
func (s *session) addSecret(file string) error {
	if s.server != "" {
		return failed(exitUsage, "--new-secret 要在数据目录所在的机器上办;请用 --data。", "--new-secret needs the data directory: use --data.")
	}
	if err := readFormat(s.data); err != nil {
		return err
	}
	if socket, err := signerOf(s.data, s.signer); err != nil {
		return err
	} else if socket != "" {
		return failed(exitUsage, "密钥在签名的进程那里:请在那里把新的一行添到 secret 文件末尾,重启 mingzhang signer,再运行不带 --new-secret 的 key rotate。",
			"The secret is with the signer: add the new one there as the last line of its file secret, start mingzhang signer again, and run key rotate without --new-secret.")
	}
	if err := private(file); err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return cannotOpen(file, err)
	}
	added, err := parseSecret(text)
	if err != nil {
		return failed(exitUsage, "%s 不是 secret 文件:它有一行 64 位十六进制数。", "%s is no file secret: that has one line of 64 hexadecimal digits.", file)
	}
	lock, err := sqlite.Lock(s.data)
	if err != nil {
		return err
	}
	defer lock.Release()
	secrets, err := readSecrets(s.data)
	if err != nil {
		return err
	}
	last := hex.EncodeToString(added)
	if hex.EncodeToString(secrets[len(secrets)-1]) == last {
		return nil
	}
	var b strings.Builder
	for _, secret := range secrets {
		fmt.Fprintf(&b, "%x\n", secret)
	}
	path := filepath.Join(s.data, secretFile)
	if err := writeNew(path+".new", b.String()+last+"\n"); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("add a secret: %w", err)
	}
	return syncDirectory(s.data)
}

func (s *session) keyRetireCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "retire COLLECTIVE",
		Short: s.lang.text("停用一个集体账簿的旧密钥", "end the old keys of a collective's log"),
		Long: s.lang.text(`新旧密钥都签过、又包含更换记录的最后一个根会留下来,publish 也把它放出去(checkpoint.<笔数>):只知道旧公钥的人靠它跟到新的。`,
			`The last head that old and new keys have signed, and that covers the rotation, is kept, and publish writes it too (checkpoint.<size>): whoever knows the old key alone follows by it.`),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(func(c *client) error {
				ctx, err := c.asAdmin(cmd.Context(), "RetireLogKey")
				if err != nil {
					return err
				}
				answer, err := c.registry.RetireLogKey(ctx, &apiv1.RetireLogKeyRequest{CollectiveId: args[0]})
				if err != nil {
					return err
				}
				if s.json {
					return writeJSON(s.stdout, answer)
				}
				_, err = fmt.Fprintf(s.stdout, s.lang.text("旧密钥已停用。两代都签过的根,请留一份:\n\n%s", "The old keys are retired. Keep the head that both have signed:\n\n%s"), answer.Note)
				return err
			})
		},
	}
}
