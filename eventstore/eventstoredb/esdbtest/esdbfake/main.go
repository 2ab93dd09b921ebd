// Command esdbfake is the fake EventStoreDB server of esdbtest as a process of its own: for measurements that must not share
// one with the client, for tests that kill it, and for clients in other languages. It is test code and holds no data that
// matters.
//
//	esdbfake -listen 127.0.0.1:0 -dir /tmp/fake -sync
//
// The first line it prints is the connection string. It ends on SIGTERM and SIGINT.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "esdbfake:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("esdbfake", flag.ContinueOnError)
	listen := flags.String("listen", "", "host:port to serve; empty is a free port of 127.0.0.1")
	dir := flags.String("dir", "", "directory of the log and the certificates; empty keeps everything in memory")
	sync := flags.Bool("sync", false, "wait for the disk before acknowledging an append")
	tls := flags.Bool("tls", false, "serve with a certificate made at the first start")
	batch := flags.Bool("batch", true, "say that batch appends are supported")
	users := flags.String("users", "", "file of logins, one a line: name password group,group; with it every call needs one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o := esdbtest.Options{Listen: *listen, Dir: *dir, Sync: *sync, TLS: *tls, NoBatchAppend: !*batch}
	if *users != "" {
		var err error
		if o.Users, err = readUsers(*users); err != nil {
			return err
		}
	}
	s, err := esdbtest.Start(o)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, s.ConnectionString())
	<-ctx.Done()
	s.Shutdown()
	return s.Close()
}

func readUsers(name string) (map[string]esdbtest.User, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	users := make(map[string]esdbtest.User)
	for i, line := range strings.Split(string(b), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) < 2 || len(fields) > 3 {
			return nil, fmt.Errorf("%s:%d: want name, password and perhaps groups", name, i+1)
		}
		u := esdbtest.User{Password: fields[1]}
		if len(fields) == 3 {
			u.Groups = strings.Split(fields[2], ",")
		}
		users[fields[0]] = u
	}
	return users, nil
}
