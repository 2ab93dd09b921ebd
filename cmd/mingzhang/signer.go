package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/eventstore/sqlite"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// signing is mingzhang signer: whoever holds the secret, in a process of its own.
type signing struct {
	socket, secret, state string
	group                 bool
}

func (s *session) signerCmd() *cobra.Command {
	g := new(signing)
	cmd := &cobra.Command{
		Use:   "signer",
		Short: s.lang.text("替服务器签名的单独进程:密钥和签过什么只有它知道", "sign for servers in a process of its own, which alone has the secret and remembers what it signed"),
		Long: s.lang.text(`在一个 unix 套接字上替服务器签根(serve --signer、init --signer)。它记得每本账簿签到了哪里,只签接得上的;接不上的拒绝,并把两个根都留下作证据。
请用另一个用户,最好另一台机器运行它:能改账簿的人拿不到密钥,也改不了它的记忆。--state 里的东西要像账簿一样保管。
secret 文件可以有几行:最后一行是以后的密钥的出处(mingzhang key rotate)。`,
			`Sign heads for servers on a unix socket (serve --signer, init --signer). It remembers how far it has signed each log and signs only what goes on from there; anything else is refused, and both heads are kept as evidence.
Run it as another user, or better on another machine: who can change the log has neither the secret nor the memory. What is in --state is as precious as the log.
The file secret may have several lines: keys to come are made of the last (mingzhang key rotate).`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return g.run(cmd.Context(), slog.New(slog.NewJSONHandler(s.stderr, nil)), func() { fmt.Fprintln(s.stdout, g.socket) })
		},
	}
	cmd.Flags().StringVar(&g.socket, "socket", "", s.lang.text("套接字的路径", "path of the socket"))
	cmd.Flags().StringVar(&g.secret, "secret", "", s.lang.text("secret 文件(mingzhang key generate),别人不能读", "file secret (mingzhang key generate), readable by nobody else"))
	cmd.Flags().StringVar(&g.state, "state", "", s.lang.text("记忆放在这个目录,没有就建立", "directory of the memory, made when it does not exist"))
	cmd.Flags().BoolVar(&g.group, "group", false, s.lang.text("同组的用户也可以用套接字(0660,默认 0600)", "users of its group may use the socket too (0660; default 0600)"))
	return cmd
}

// run answers until the context ends. ready is told when the socket is there.
func (g *signing) run(ctx context.Context, logger *slog.Logger, ready func()) (err error) {
	if g.socket == "" || g.secret == "" || g.state == "" {
		return failed(exitUsage, "请给出 --socket、--secret 和 --state。", "Give --socket, --secret and --state.")
	}
	if err := private(g.secret); err != nil {
		return err
	}
	text, err := os.ReadFile(g.secret)
	if err != nil {
		return cannotOpen(g.secret, err)
	}
	secrets, err := parseSecrets(text)
	if err != nil {
		return failed(exitUsage, "%s 不是 secret 文件:每行 64 位十六进制数。", "%s is no file secret: that has lines of 64 hexadecimal digits.", g.secret)
	}
	if err := os.MkdirAll(g.state, 0o700); err != nil {
		return cannotWrite(g.state, err)
	}
	lock, err := sqlite.Lock(g.state)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	signer, err := transparency.OpenSigner(g.state, secrets...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, signer.Close()) }()
	listener, err := g.listen(ctx)
	if err != nil {
		return err
	}
	logger.Info("signing", "socket", g.socket, "state", g.state, "version", version())
	ready()
	return transparency.ServeSigner(ctx, listener, signer, logger)
}

// listen makes the socket. One that a killed process left is taken away; one that answers belongs to somebody. Until its mode is set
// its owner alone can connect: others never have the right to write to a new one.
func (g *signing) listen(ctx context.Context) (net.Listener, error) {
	if info, err := os.Lstat(g.socket); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return nil, failed(exitUsage, "%s 已经存在,不是套接字;请用 --socket 另给一个。", "%s exists and is no socket: name another with --socket.", g.socket)
		}
		dialer := net.Dialer{Timeout: time.Second}
		if c, err := dialer.DialContext(ctx, "unix", g.socket); err == nil {
			return nil, errors.Join(failed(exitStorage, "%s 上已有进程在签名。", "Another process signs on %s already.", g.socket), c.Close())
		}
		if err := os.Remove(g.socket); err != nil {
			return nil, cannotWrite(g.socket, err)
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", g.socket)
	if err != nil {
		return nil, failed(exitStorage, "不能建立套接字 %s(%v);请用 --socket 另给一个。", "The socket %s cannot be made (%v): name another with --socket.", g.socket, err)
	}
	mode := fs.FileMode(0o600)
	if g.group {
		mode = 0o660
	}
	if err := os.Chmod(g.socket, mode); err != nil {
		return nil, errors.Join(fmt.Errorf("socket %s: %w", g.socket, err), listener.Close())
	}
	return listener, nil
}
