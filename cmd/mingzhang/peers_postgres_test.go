//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// postgres is a PostgreSQL of this benchmark alone: a cluster in a directory of its own with the defaults of durability
// (fsync, synchronous_commit, full_page_writes on), reached by a socket in that directory and by no network.
type postgres struct {
	bin, dir string
	process  *exec.Cmd
}

// postgresSchema is two tables by hand. Book takes one transaction in one call and refuses one that does not balance; it is
// the fastest way in, and knows no other rule.
const postgresSchema = `
CREATE TABLE transactions (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, collective text NOT NULL, voucher text NOT NULL, day date NOT NULL, narration text NOT NULL);
CREATE TABLE postings (transaction_id bigint NOT NULL REFERENCES transactions, line int NOT NULL, account text NOT NULL, fen bigint NOT NULL, PRIMARY KEY (transaction_id, line));
CREATE FUNCTION book(collective text, voucher text, day date, narration text, accounts text[], fen bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  IF (SELECT sum(f) FROM unnest(fen) f) <> 0 THEN RAISE EXCEPTION 'does not balance'; END IF;
  INSERT INTO transactions (collective, voucher, day, narration) VALUES ($1, $2, $3, $4) RETURNING id INTO n;
  INSERT INTO postings SELECT n, line, account, f FROM unnest(accounts, fen) WITH ORDINALITY AS p (account, f, line);
  RETURN n;
END $$;`

// pgbenchScript is a transaction of three postings of one client, over and over.
const pgbenchScript = `\set village random(0, 99)
\set fen random(90000, 110000)
SELECT book('village-' || :village::int, 'n', DATE '2024-01-01', 'rent', ARRAY['money/bank', 'fund/one', 'fund/two'], ARRAY[:fen::bigint, -(:fen::bigint / 3), -(:fen::bigint - :fen::bigint / 3)]);
`

// addPostgres adds PostgreSQL to the file and to the clients, of which contests has one each for 1, 8 and 64.
func addPostgres(b *testing.B, files *contest, contests []contest, books []booked, commands int) {
	p := startPostgres(b)
	if p == nil {
		return
	}
	p.psql(b, p.write(b, "schema.sql", postgresSchema))
	one, thousand := p.write(b, "one.sql", bookCalls(books, 1)), p.write(b, "bulk.sql", bookCalls(books, bulk))
	for _, f := range []struct{ what, script string }{{"two tables, one by one, balanced", one}, {"two tables, 1,000 a time, balanced", thousand}} {
		files.rows = append(files.rows, &contender{tool: "PostgreSQL", what: f.what, size: len(books), work: func(int) time.Duration {
			p.empty(b)
			return p.psql(b, f.script)
		}})
	}
	script := p.write(b, "pgbench.sql", pgbenchScript)
	for i, clients := range []int{1, 8, 64} {
		each := commands / clients
		contests[i].rows = append(contests[i].rows, &contender{tool: "PostgreSQL", what: "pgbench, two tables, balanced", size: each * clients, work: func(int) time.Duration {
			p.empty(b)
			return p.pgbench(b, script, clients, each)
		}})
	}
}

// bookCalls is a file for psql that books so many transactions at a time.
func bookCalls(books []booked, at int) string {
	var s strings.Builder
	for n, t := range books {
		if at > 1 && n%at == 0 {
			s.WriteString("BEGIN;\n")
		}
		accounts, fen := make([]string, len(t.fen)), make([]string, len(t.fen))
		for i := range t.fen {
			accounts[i], fen[i] = quoted(t.accounts[i]), strconv.FormatInt(t.fen[i], 10)
		}
		fmt.Fprintf(&s, "SELECT book(%s,%s,'%s',%s,ARRAY[%s],ARRAY[%s]);\n", quoted(t.collective), quoted(t.voucher), mixDay(), quoted(t.narration),
			strings.Join(accounts, ","), strings.Join(fen, ","))
		if at > 1 && (n%at == at-1 || n == len(books)-1) {
			s.WriteString("COMMIT;\n")
		}
	}
	return s.String()
}

// startPostgres makes a cluster and starts it, as the user postgres when the benchmark runs as root, whom PostgreSQL refuses.
// It is nil when there is none; at the end it is stopped and removed.
func startPostgres(b *testing.B) *postgres {
	bin := postgresBin()
	if bin == "" {
		skipped("PostgreSQL (initdb, postgres, psql, pgbench)")
		return nil
	}
	dir, err := os.MkdirTemp("", "mingzhang-peers-") // b.TempDir is closed to other users, and too long for a socket
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	p := &postgres{bin: bin, dir: dir}
	var as *syscall.Credential
	if os.Getuid() == 0 {
		if as = unprivileged(); as == nil {
			skipped("PostgreSQL (it refuses root, and there is no user postgres)")
			return nil
		}
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			b.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	initdb := p.command(as, "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C") // the directory lets only its owner in
	if out, err := initdb.CombinedOutput(); err != nil {
		b.Fatalf("initdb: %v\n%s", err, out)
	}
	log := new(lockedBuffer)
	p.process = p.command(as, "postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB")
	p.process.Stderr = log
	if err := p.process.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.stop(b, log) })
	p.await(b, log)
	return p
}

// postgresBin is the newest directory with all of PostgreSQL's programs; Debian keeps them out of PATH.
func postgresBin() string {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well-formed
	slices.SortFunc(dirs, func(a, b string) int {
		version := func(dir string) int { n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir))); return n }
		return version(b) - version(a)
	})
	dirs = append(dirs, filepath.SplitList(os.Getenv("PATH"))...)
	at := slices.IndexFunc(dirs, func(dir string) bool {
		return !slices.ContainsFunc([]string{"initdb", "postgres", "psql", "pgbench"}, func(program string) bool {
			_, err := os.Stat(filepath.Join(dir, program))
			return err != nil
		})
	})
	if at < 0 {
		return ""
	}
	return dirs[at]
}

func unprivileged() *syscall.Credential {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil
	}
	uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		return nil
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (p *postgres) command(as *syscall.Credential, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.bin, program), args...)
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	return cmd
}

// await returns when the server takes connections.
func (p *postgres) await(b *testing.B, log *lockedBuffer) {
	for end := time.Now().Add(serverTimeout); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if exec.Command(filepath.Join(p.bin, "psql"), p.args("-c", "SELECT 1")...).Run() == nil {
			return
		}
	}
	b.Fatalf("PostgreSQL did not start: %s", log)
}

// stop ends the server this benchmark started, by its process: at once for its clients, and with its files in order.
func (p *postgres) stop(b *testing.B, log *lockedBuffer) {
	ended := make(chan error, 1)
	go func() { ended <- p.process.Wait() }()
	_ = p.process.Process.Signal(syscall.SIGINT) // it may have ended already
	select {
	case err := <-ended:
		if err != nil {
			b.Errorf("PostgreSQL ended with %v: %s", err, log)
		}
	case <-time.After(serverTimeout):
		_ = p.process.Process.Signal(syscall.SIGQUIT) // its children go with it, which SIGKILL would leave
		<-ended
	}
}

// args are those of psql and pgbench: the socket, the user and, last, the database.
func (p *postgres) args(more ...string) []string {
	return append([]string{"-h", p.dir, "-U", "postgres"}, append(more, "postgres")...)
}

func (p *postgres) write(b *testing.B, name, text string) string {
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// psql carries out a file and stops at the first error.
func (p *postgres) psql(b *testing.B, file string) time.Duration {
	return timed(b, "", filepath.Join(p.bin, "psql"), p.args("-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.DevNull, "-f", file)...)
}

// empty makes rounds alike.
func (p *postgres) empty(b *testing.B) {
	timed(b, "", filepath.Join(p.bin, "psql"), p.args("-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", "TRUNCATE transactions, postings", "-c", "CHECKPOINT")...)
}

var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

// pgbench lets clients book so many transactions each, and gives the time without that of connecting.
func (p *postgres) pgbench(b *testing.B, script string, clients, each int) time.Duration {
	out, err := exec.Command(filepath.Join(p.bin, "pgbench"), p.args("-n", "-M", "prepared", "-f", script, "-c", strconv.Itoa(clients),
		"-j", strconv.Itoa(min(clients, 2)), "-t", strconv.Itoa(each))...).CombinedOutput()
	if err != nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	m := tps.FindSubmatch(out)
	if m == nil {
		b.Fatalf("pgbench says %s", out)
	}
	rate, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(float64(clients*each) / rate * float64(time.Second))
}
