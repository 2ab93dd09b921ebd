package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/mingzhang-ledger/mingzhang/access"
	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// client speaks to the services: of a server, or of a data directory opened for as long as the command runs.
type client struct {
	session    *session
	dir        *directory      // nil against a server
	conn       *connect.Client // for methods by their descriptors
	registry   apiv1connect.RegistryServiceClient
	governance apiv1connect.GovernanceServiceClient
	books      apiv1connect.BooksServiceClient
	audit      apiv1connect.AuditServiceClient
	disclosure apiv1connect.DisclosureServiceClient
	documents  apiv1connect.DocumentsServiceClient
}

// with opens what the settings name, runs f, and closes it again.
func (s *session) with(f func(*client) error, moreKeys ...string) (err error) {
	if s.server != "" {
		transport, err := s.overHTTP(moreKeys)
		if err != nil {
			return err
		}
		if err := f(s.newClient(transport, nil)); err != nil {
			return err
		}
		s.tellAge()
		return nil
	}
	dir, err := openDirectory(s.data, s.quietLogger(), opening{store: s.store, signer: s.signer})
	if err != nil {
		return err
	}
	defer func() { err = s.closed(err, dir.Close()) }()
	return f(s.newClient(dir.server.InProcess(), dir))
}

// closed is the error of a command whose directory was closed with another one. A head that found no room is no failure of a
// command that did its work: what was stored is safe, and the head is written by the next one.
func (s *session) closed(err, closing error) error {
	if err == nil && (errors.Is(closing, eventstore.ErrNoSpace) || errors.Is(closing, syscall.ENOSPC)) {
		fmt.Fprintln(s.stderr, s.lang.text("注意:磁盘已满,签名的根还没有更新;账簿没有受损,腾出空间后会自动补上。",
			"Note: the disk is full and the signed heads are not up to date; the books are safe, and they are caught up when there is room."))
		return nil
	}
	return errors.Join(err, closing)
}

// quietLogger drops what the services log: a command prints its own failure.
func (s *session) quietLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (s *session) newClient(transport connect.Transport, dir *directory) *client {
	c := connect.NewClient(transport, s.asksProof())
	return &client{
		session: s, dir: dir, conn: c,
		registry:   apiv1connect.NewRegistryServiceClient(c),
		governance: apiv1connect.NewGovernanceServiceClient(c),
		books:      apiv1connect.NewBooksServiceClient(c),
		audit:      apiv1connect.NewAuditServiceClient(c),
		disclosure: apiv1connect.NewDisclosureServiceClient(c),
		documents:  apiv1connect.NewDocumentsServiceClient(c),
	}
}

// overHTTP makes a transport that sends the key of --key, and further keys for lines of other operators.
func (s *session) overHTTP(moreKeys []string) (connect.Transport, error) {
	header := http.Header{}
	files := moreKeys
	if s.keyFile != "" {
		files = append([]string{s.keyFile}, moreKeys...)
	}
	var keys []string
	for _, file := range files {
		key, err := readKey(file)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) > 0 {
		header.Set("Authorization", "Bearer "+keys[0])
	}
	if len(keys) > 1 {
		header.Set(rpc.KeysHeader, strings.Join(keys[1:], ","))
	}
	return connecthttp.NewTransport(aging{keyed{header}, s}, strings.TrimRight(s.server, "/")), nil
}

// aging remembers how old the server says its books are.
type aging struct {
	keyed
	session *session
}

// Do implements connecthttp.HTTPClient.
func (a aging) Do(r *http.Request) (*http.Response, error) {
	answer, err := a.keyed.Do(r)
	if err == nil && answer.StatusCode == http.StatusOK {
		if age, err := strconv.ParseInt(answer.Header.Get(rpc.BooksAgeHeader), 10, 64); err == nil {
			a.session.booksAge.Store(age)
		}
	}
	return answer, err
}

// tellAge says that what was shown may be old, when the server said so.
func (s *session) tellAge() {
	if age := s.booksAge.Load(); age > 0 {
		fmt.Fprintf(s.stderr, s.lang.text("注意:服务器已有 %d 秒没有连上存放账簿的集群;这是它那时的账,以后别处记的可能还没有。\n",
			"Note: the server has been out of touch with the cluster for %d seconds; these are its books of then, and what was recorded elsewhere since may be missing.\n"), age)
	}
}

// keyed sends the keys with every request. It follows no redirect, which could carry them elsewhere.
type keyed struct{ header http.Header }

// Do implements connecthttp.HTTPClient.
func (k keyed) Do(r *http.Request) (*http.Response, error) {
	for name, values := range k.header {
		r.Header[name] = values
	}
	return noRedirects.Do(r)
}

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// readKey reads a bearer key from a file that nobody else may read.
func readKey(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", failed(exitUsage, "没有密钥文件 %s。", "There is no key file %s.", path)
	}
	if err != nil {
		return "", fmt.Errorf("look at key file: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", failed(exitUsage, "密钥文件 %[1]s 别人也能读;请先运行:chmod 600 %[1]s。", "Others can read the key file %[1]s: run chmod 600 %[1]s first.", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read key file: %w", err)
	}
	key := strings.TrimSpace(string(text))
	if key == "" || strings.ContainsAny(key, " \t\r\n,") {
		return "", failed(exitUsage, "密钥文件 %s 里应只有一个密钥。", "The key file %s should hold one key and nothing else.", path)
	}
	return key, nil
}

// theCollective is the collective of --collective, else the only one there is.
func (c *client) theCollective(ctx context.Context) (string, error) {
	if c.session.collective != "" {
		return c.session.collective, nil
	}
	answer, err := c.disclosure.ListCollectives(ctx, &apiv1.ListCollectivesRequest{PageSize: 20})
	if err != nil {
		return "", err
	}
	switch list := answer.Collectives; len(list) {
	case 0:
		return "", failed(exitRefused, "还没有集体;请先用 mingzhang found 成立一个。", "There is no collective yet: found one with mingzhang found.")
	case 1:
		return list[0].Id, nil
	default:
		ids := make([]string, len(list))
		for i, one := range list {
			ids[i] = one.Id
		}
		return "", failed(exitUsage, "有几个集体,请用 --collective 指明:%s。", "There are several collectives, say which with --collective: %s.", strings.Join(ids, ", "))
	}
}

// reading is the context and the collective of a read.
func (c *client) reading(ctx context.Context, method string) (context.Context, string, error) {
	return c.acting(ctx, method, access.Matrix[method].Roles, true)
}

// giving is the context and the collective of a command on books.
func (c *client) giving(ctx context.Context, command string) (context.Context, string, error) {
	return c.acting(ctx, command, ledger.Matrix[command], false)
}

// acting says who calls. A server knows by the key; in a data directory it is --as, else an operator who may: any for a
// read, for a command the only one, because it is recorded for ever.
func (c *client) acting(ctx context.Context, method string, roles []eventv1.Role, any bool) (context.Context, string, error) {
	collective, err := c.theCollective(ctx)
	if err != nil || c.dir == nil {
		return ctx, collective, err
	}
	if as := c.session.as; as != "" {
		return rpc.AsOperator(ctx, as), collective, nil
	}
	facts, err := c.dir.ledger.Facts(ctx, collective)
	if err != nil {
		return ctx, collective, err
	}
	may, err := c.dir.who(ctx, func(o access.Operator) bool {
		return slices.ContainsFunc(facts.Roles(o.ID), func(r eventv1.Role) bool { return slices.Contains(roles, r) })
	})
	if err != nil {
		return ctx, collective, err
	}
	return c.pick(ctx, may, any, method, collective)
}

func (c *client) pick(ctx context.Context, may []string, any bool, method, collective string) (context.Context, string, error) {
	switch {
	case len(may) == 0:
		return ctx, collective, failed(exitRefused, "没有操作员可以办理 %s;请先授予角色。", "No operator may give %s: grant a role first.", method)
	case len(may) == 1 || any:
		return rpc.AsOperator(ctx, may[0]), collective, nil
	}
	return ctx, collective, failed(exitUsage, "有几位操作员可以办理 %s,请用 --as 指明:%s。", "Several operators may give %s, say who with --as: %s.", method, strings.Join(may, ", "))
}

// asAdmin is the context of what only an admin of the server may do.
func (c *client) asAdmin(ctx context.Context, method string) (context.Context, error) {
	if c.dir == nil {
		return ctx, nil
	}
	if as := c.session.as; as != "" {
		return rpc.AsOperator(ctx, as), nil
	}
	may, err := c.dir.who(ctx, func(o access.Operator) bool { return o.Admin })
	if err != nil {
		return ctx, err
	}
	ctx, _, err = c.pick(ctx, may, false, method, "")
	return ctx, err
}
