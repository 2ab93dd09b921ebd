package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/internal/headmemory"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/rpc"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

const (
	witnessDirDefault    = "./mingzhang-witness"
	witnessListenDefault = "127.0.0.1:8481"
)

func (s *session) witnessCmd() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "witness",
		Short: s.lang.text("见证:记住账簿,只为没有改过的签名", "witness a log: remember it, and sign only what kept all that it was"),
		Long: s.lang.text(`见证人记住上次签过的账簿;新的账簿只有证明了以它开头,才记下并签名。历史被改写,他不签,并保留证据。
见证人的目录(--dir)里是密钥和记忆,只有本人能读;不要复制到两处使用,也不要恢复旧的。用法见 docs/witness.md。`,
			`A witness remembers the head that was signed last, and signs another only with the proof that it begins with that one, once it is
remembered. A history that was rewritten is not signed, and the evidence is kept.
The directory of a witness (--dir) has the key and the memory, for its owner alone: never use it in two places, nor put back an older copy.
docs/witness.md shows its use.`),
	}
	cmd.PersistentFlags().StringVar(&dir, "dir", witnessDirDefault, s.lang.text("见证人的目录", "directory of the witness"))
	cmd.AddCommand(s.witnessInitCmd(&dir), s.witnessAddLogCmd(&dir), s.witnessStateCmd(&dir), s.witnessCosignCmd(&dir), s.witnessServeCmd(&dir), s.witnessAskCmd(), s.witnessSubmitCmd())
	return cmd
}

func (s *session) witnessInitCmd(dir *string) *cobra.Command {
	var logs []string
	cmd := &cobra.Command{
		Use:   "init NAME",
		Short: s.lang.text("建立见证人的目录和密钥,打印公钥", "make the directory and the key of a witness, and print the public key"),
		Long: s.lang.text(`NAME 是见证人的名称,会公布,如 village.example/committee-1:用职务或代号,不用人名;不含空格和“+”。
打印的公钥交给集体,写进见证章程。`,
			`NAME is published, as in village.example/committee-1: a post or an invented name, never a person's; without spaces and '+'.
The public key that is printed is for the collective: it belongs in the witness policy.`),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			keys, err := verifierKeys(logs)
			if err != nil {
				return err
			}
			if err := signednote.CheckName(args[0]); err != nil {
				return failed(exitUsage, "“%[1]s”不能作见证人的名称(%[2]v)。", "%[1]q cannot be the name of a witness (%[2]v).", args[0], err)
			}
			seed := make([]byte, 32)
			_, _ = rand.Read(seed) // never fails
			v, err := witness.Init(*dir, args[0], seed)
			if errors.Is(err, fs.ErrExist) {
				return failed(exitRefused, "%s 里已有见证人,没有改动。", "There is a witness in %s already, and it was not changed.", *dir)
			}
			if err != nil {
				return witnessFailed(*dir, err)
			}
			if err := s.addLogs(*dir, keys, transparency.Head{}); err != nil {
				return err
			}
			fmt.Fprintf(s.stderr, s.lang.text("已建立见证人的目录 %s:密钥只有您能读;请另存一份 key 文件。公钥交给集体:\n",
				"The directory %s of a witness is made; its key is readable by you alone: keep a copy of the file key elsewhere. The public key, for the collective:\n"), *dir)
			_, err = fmt.Fprintln(s.stdout, v)
			return err
		},
	}
	cmd.Flags().StringArrayVar(&logs, "log", nil, s.lang.text("所见证账簿的公钥或存有公钥的文件(可多次给出)", "public key of a log to watch, or a file with it (may be repeated)"))
	return cmd
}

func (s *session) witnessAddLogCmd(dir *string) *cobra.Command {
	var pin string
	cmd := &cobra.Command{
		Use:   "add-log VKEY",
		Short: s.lang.text("见证一本账簿:给出它的公钥", "watch a log, by its public key"),
		Long: s.lang.text(`VKEY 是账簿的公钥或存有公钥的文件;须从可信的地方得来,如成立时的记录。已见证的账簿再给一把公钥,就两把都认(换密钥时)。
--pin 笔数:根 从已知的笔数和根(如公示榜上的)起;不给时,第一次见到的是什么就信什么。`,
			`VKEY is the public key of the log or a file with it, from a source to be trusted, as the minutes of the founding. A further key of a log that
is watched already is taken beside the first (while keys are changed).
--pin SIZE:ROOT begins with what is known, say from a poster; without it whatever comes first is taken for true.`),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			keys, err := verifierKeys(args)
			if err != nil {
				return err
			}
			var from transparency.Head
			if pin != "" {
				p, err := parsePin(pin)
				if err != nil {
					return err
				}
				from.Size, from.Root = p.size, p.root
			}
			return s.addLogs(*dir, keys, from)
		},
	}
	cmd.Flags().StringVar(&pin, "pin", "", s.lang.text("从这里起 笔数:根(根为十六进制或 base64)", "begin with SIZE:ROOT (root in hex or base64)"))
	return cmd
}

// verifierKeys reads public keys of logs: each the key itself, or a file with it.
func verifierKeys(given []string) ([]signednote.Verifier, error) {
	keys := make([]signednote.Verifier, 0, len(given))
	for _, one := range given {
		text, err := keyText(one)
		if err != nil {
			return nil, err
		}
		v, err := signednote.ParseVerifier(text)
		if err == nil && v.Algorithm != signednote.Ed25519 {
			err = errors.New("it is that of a witness")
		}
		if err != nil {
			return nil, failed(exitUsage, "“%[1]s”不是账簿的公钥(%[2]v)。", "%[1]q is no public key of a log (%[2]v).", one, err)
		}
		keys = append(keys, v)
	}
	return keys, nil
}

func (s *session) addLogs(dir string, keys []signednote.Verifier, from transparency.Head) error {
	w, err := witness.Open(dir, time.Now)
	if err != nil {
		return witnessFailed(dir, err)
	}
	defer w.Close()
	for _, v := range keys {
		switch err := w.AddLog(v, from); {
		case errors.Is(err, fs.ErrExist):
			return failed(exitRefused, "已经在见证 %s:从上次签过的起,不能另给 --pin。", "%s is watched already, from what was signed last: leave --pin out.", v.Name)
		case err != nil:
			return witnessFailed(dir, err)
		}
		if from.Size > 0 {
			fmt.Fprintf(s.stderr, s.lang.text("见证 %s,从 %d 笔、根 %v 起。\n", "Watching %s from %d events on, with the root %v.\n"), v.Name, from.Size, from.Root)
		} else {
			fmt.Fprintf(s.stderr, s.lang.text("见证 %s。还没有签过的,第一次见到的是什么就信什么(要从已知的起,请用 add-log --pin)。\n",
				"Watching %s. As long as nothing of it was signed, whatever comes first is taken for true (add-log --pin begins with what is known).\n"), v.Name)
		}
	}
	return nil
}

// witnessState is what witness state tells, as --json gives it.
type witnessState struct {
	Key  string       `json:"key"`
	Logs []watchedLog `json:"logs"`
}

type watchedLog struct {
	Origin   string   `json:"origin"`
	Keys     []string `json:"keys"`
	Size     uint64   `json:"size"` // of the head signed last, or begun with; 0 for none
	Root     string   `json:"root"` // hex
	Forks    []string `json:"forks"`
	Suspects []string `json:"suspects"`
}

func (s *session) witnessStateCmd(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "state",
		Short: s.lang.text("公钥、各账簿记到哪里、保留的证据", "the public key, what is remembered of each log, and the evidence kept"),
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			key, states, err := witness.Read(*dir)
			if err != nil {
				return witnessFailed(*dir, err)
			}
			state := witnessState{Key: key.String(), Logs: []watchedLog{}}
			for _, one := range states {
				l := watchedLog{Origin: one.Remembered.Origin, Size: one.Remembered.Size, Root: hex.EncodeToString(one.Remembered.Root[:]),
					Forks: append([]string{}, one.Forks...), Suspects: append([]string{}, one.Suspects...)}
				for _, v := range one.Keys {
					l.Keys = append(l.Keys, v.String())
				}
				state.Logs = append(state.Logs, l)
			}
			return state.print(s)
		},
	}
}

func (w *witnessState) print(s *session) error {
	if s.json {
		return s.printJSON(w)
	}
	t := &table{columns: []column{
		{name: "origin", zh: "账簿", en: "Log"},
		{name: "size", zh: "签到第几笔", en: "Signed up to", right: true},
		{name: "root", zh: "根", en: "Root"},
		{name: "forks", zh: "改写的证据", en: "Forks", right: true},
		{name: "suspects", zh: "可疑的", en: "Suspects", right: true},
	}}
	for _, l := range w.Logs {
		t.add(l.Origin, fmt.Sprint(l.Size), l.Root, fmt.Sprint(len(l.Forks)), fmt.Sprint(len(l.Suspects)))
	}
	if s.csv {
		return t.printCSV(s.stdout)
	}
	fmt.Fprintln(s.stdout, s.lang.text("公钥:", "Public key: ")+w.Key)
	if err := t.print(s.stdout, s.lang); err != nil {
		return err
	}
	for _, l := range w.Logs {
		for _, name := range append(l.Forks, l.Suspects...) {
			fmt.Fprintln(s.stdout, s.lang.text("证据:", "Evidence: ")+name)
		}
	}
	return nil
}

func (s *session) witnessServeCmd(dir *string) *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: s.lang.text("在网上为邻居的账簿见证(C2SP tlog-witness)", "witness logs of neighbours over the network (C2SP tlog-witness)"),
		Long: s.lang.text(`POST /add-checkpoint 为所见证的账簿签名;谁都可以来要,只签账簿自己签过、又以上次签过的开头的。
它运行时,同一目录不能用 cosign。`,
			`POST /add-checkpoint signs heads of the logs that are watched: anybody may ask, and only heads that their log has signed, and that begin
with the one that was signed last, are. While it runs cosign cannot use the same directory.`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			logger := slog.New(slog.NewJSONHandler(s.stderr, nil))
			w, err := witness.Open(*dir, time.Now)
			if err != nil {
				return witnessFailed(*dir, err)
			}
			defer func() { err = errors.Join(err, w.Close()) }()
			return s.serveWitness(cmd.Context(), w, listen, logger)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", witnessListenDefault, s.lang.text("监听的地址", "address to listen on"))
	return cmd
}

// serveWitness answers until the context ends.
func (s *session) serveWitness(ctx context.Context, w *witness.Cosigner, listen string, logger *slog.Logger) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return failed(exitStorage, "不能监听 %s(%v);请用 --listen 换一个地址。", "It cannot listen on %s (%v): name another address with --listen.", listen, err)
	}
	server := rpc.NewHTTPServer(w.Handler(logger), logger)
	failure := make(chan error, 1)
	go func() { failure <- server.Serve(listener) }()
	url := "http://" + listener.Addr().String()
	logger.Info("witnessing", "url", url, "key", w.Verifier().String())
	if _, err := fmt.Fprintln(s.stdout, url); err != nil {
		return errors.Join(err, server.Close())
	}
	select {
	case err := <-failure:
		return fmt.Errorf("serve on %s: %w", listen, err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		_ = server.Close() // nothing is lost: who got no answer asks again
	}
	return nil
}

// witnessFailed puts an error of the directory of a witness into words.
func witnessFailed(dir string, err error) error {
	switch {
	case errors.Is(err, headmemory.ErrInUse):
		return failed(exitStorage, "见证人的目录 %s 正被另一个进程使用;请先停下它。", "The directory %s of the witness is in use by another process: stop it first.", dir)
	case errors.Is(err, headmemory.ErrDamaged):
		return failed(exitVerified, "见证人的记忆损坏了(%[2]v),不再签名。不要删除;原样保留 %[1]s,另建一个见证人(新的密钥),由集体换进见证章程。",
			"The memory of the witness is damaged (%[2]v) and it signs no more. Do not remove it: keep %[1]s as it is, make another witness with a new key, and have the collective take it into the policy.", dir, err)
	case errors.Is(err, signednote.ErrForm):
		return failed(exitVerified, "见证人的目录 %s 里有文件不是原来的(%v)。", "A file in the directory %s of the witness is not what it was (%v).", dir, err)
	case errors.Is(err, fs.ErrNotExist):
		return failed(exitUsage, "%s 里没有见证人(%v);请先用 mingzhang witness init 建立,或用 --dir 指明。",
			"There is no witness in %s (%v): make one with mingzhang witness init, or name it with --dir.", dir, err)
	}
	return err
}
