//go:build unix

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// BenchmarkScale measures the inputs of docs/scale.md and prints them as the rows that stand there: "make scale".
func BenchmarkScale(b *testing.B) {
	b.Run("village", benchmarkVillage)
	b.Run("api", benchmarkAPI)
	b.Run("county", benchmarkCounty)
}

// measured prints one input as a row of docs/scale.md.
func measured(b *testing.B, name string, value int64) {
	fmt.Printf("\n| `%s` | %d |", name, value)
	b.ReportMetric(0, "ns/op")
}

// cpu is the processor time that this process has taken.
func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// busy writes a year of a busy village: 139 lines a quarter, as a village that has posted its books since 1984 does. Eight rents
// and 38 payments a month, each with its request and approval, two rounds of fourteen grants, one dividend of 3,211 members in
// four files, twelve months closed and reviewed.
type busy struct {
	steps    []lt.Step
	requests uint32
}

func (v *busy) add(date, actor string, commands ...ledger.Command) {
	for _, c := range commands {
		v.steps = append(v.steps, lt.Step{Date: date, Actor: actor, Command: c})
	}
}

func (v *busy) resolve(date, id string, matter eventv1.Matter, body, fund, authority string) {
	v.add(date, lt.Approver, lt.Resolution(date, id, matter, body, fund, authority))
	v.add(date, lt.Supervisor, &ledger.ConfirmResolution{ID: id})
}

func (v *busy) close(date, month string) {
	m := lt.Day(month + "-01").Month()
	v.add(date, lt.Treasurer, &ledger.ClosePeriod{Month: m})
	v.add(date, lt.Supervisor, &ledger.ReviewPeriod{Month: m, Verdict: eventv1.Verdict_VERDICT_SIGNED})
}

func (v *busy) year(year int) []lt.Step {
	v.steps = nil
	day := func(month, day int) string { return fmt.Sprintf("%d-%02d-%02d", year, month, day) }
	for month := 1; month <= 12; month++ {
		before := time.Date(year, time.Month(month)-1, 1, 0, 0, 0, 0, time.UTC)
		v.close(day(month, 2), before.Format("2006-01"))
		quarter := fmt.Sprintf("upkeep-%d-%d", year, (month+2)/3)
		if month%3 == 1 {
			v.resolve(day(month, 3), quarter, eventv1.Matter_MATTER_PAYMENT, "representatives", "maintenance", "29,400.00")
		}
		for n := range 8 {
			v.add(day(month, 4), lt.Treasurer, &ledger.RecordIncome{Kind: "rent", Amount: lt.Yuan("12,250.00"), On: lt.Day(day(month, 4)), Money: "bank",
				Payer: fmt.Sprintf("org/示例摊位%d", n+1), Narration: fmt.Sprintf("%d月摊位租金", month),
				Documents: []ledger.Document{{Kind: "bank_line", Issuer: "bank", Number: fmt.Sprintf("%d-%d-%d", year, month, n)}}})
		}
		for n := range 38 {
			on := day(month, 6+n/2)
			v.requests++
			v.add(on, lt.Treasurer, &ledger.RequestPayment{Fund: "maintenance", Purpose: "repair", Amount: lt.Yuan("250.00") + ledger.Fen(n), Payee: "org/示例维修部",
				Narration: "路灯和沟渠维修", Resolution: quarter,
				Documents: []ledger.Document{{Kind: "invoice", Issuer: "supplier", Number: fmt.Sprintf("%d-%d-%d", year, month, n)}}})
			v.add(on, lt.Approver, &ledger.ApproveRequest{Number: v.requests})
			v.add(on, lt.Treasurer, &ledger.SettlePayment{Number: v.requests, On: lt.Day(on), Money: "bank"})
		}
		if month == 3 || month == 9 {
			v.grants(fmt.Sprintf("relief-%d-%d", year, month), day(month, 7), day(month, 17), day(month, 27))
		}
		if month == 12 {
			v.dividend(fmt.Sprint(year), day(12, 28))
		}
	}
	slices.SortStableFunc(v.steps, func(a, b lt.Step) int { return cmp.Compare(a.Date, b.Date) })
	return v.steps
}

func (v *busy) grants(round, open, till, paid string) {
	v.add(open, lt.Treasurer, &ledger.OpenGrantRound{Round: round, Title: "困难救助", Fund: "welfare", Purpose: "relief", Budget: lt.Yuan("14,000.00")})
	applicants := &ledger.AddApplicants{Round: round}
	for n := range uint32(14) {
		applicants.Members = append(applicants.Members, 100*n+1)
		applicants.Amounts = append(applicants.Amounts, lt.Yuan("1,000.00"))
	}
	v.add(open, lt.Treasurer, applicants)
	v.add(open, lt.Supervisor, &ledger.ReviewGrantRound{Round: round})
	v.add(open, lt.Treasurer, &ledger.PublishGrantNotice{Round: round, From: lt.Day(open), To: lt.Day(till)})
	v.add(paid, lt.Approver, &ledger.AwardGrants{Round: round, On: lt.Day(paid)})
	for _, m := range applicants.Members {
		v.add(paid, lt.Treasurer, &ledger.PayGrant{Round: round, Member: m, On: lt.Day(paid), Money: "bank"})
	}
}

func (v *busy) dividend(run, date string) {
	v.resolve(date, "dividend-"+run, eventv1.Matter_MATTER_DIVIDEND, "household_heads", "dividend", "800,000.00")
	v.requests++
	number := v.requests
	v.add(date, lt.Treasurer, &ledger.RequestDividend{Run: run, Fund: "dividend", Pool: lt.Yuan("800,000.00"), RecordDate: lt.Day(date), Resolution: "dividend-" + run, Narration: "分红"})
	v.add(date, lt.Supervisor, &ledger.ReviewRequest{Number: number})
	v.add(date, lt.Approver, &ledger.DeclareDividend{Number: number, On: lt.Day(date)})
	for range 4 {
		v.add(date, lt.Treasurer, &ledger.SendDividendFile{Run: run, Money: "bank"})
	}
	for file := range uint32(4) {
		v.add(date, lt.Treasurer, &ledger.RecordDividendResults{Run: run, File: file + 1, On: lt.Day(date)})
	}
}

// What the open server of release 24 writes beside an event's data: the fixed part of a record with both its lengths, and an entry
// of the index.
const (
	serverRecordBytes = 90
	serverIndexBytes  = 24
)

// benchmarkVillage replays three years of a busy village on SQLite with every rule on, and weighs what they leave.
func benchmarkVillage(b *testing.B) {
	dir := b.TempDir()
	service, _, store := stackIn(b, dir)
	ctx, stream := b.Context(), ledger.StreamOf(lt.LiminbaID)
	version := func() uint64 {
		v, err := store.Version(ctx, stream)
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
	v, play := newBusy(b, service)
	founded := version()
	used, commands := cpu(b), 0
	var first, last weight
	for year := 2021; year <= 2023; year++ {
		steps := v.year(year)
		commands += len(steps)
		play(steps)
		if year == 2021 {
			used -= cpu(b)
			first = weigh(b, store)
			used += cpu(b)
		}
	}
	used = cpu(b) - used
	last = weigh(b, store)
	events := int64(version() - founded)
	bookEvent, stateEvent := (last.book-first.book)/(events*2/3), (last.state-first.state)/(events*2/3)

	var data, counted, server int64
	for e, err := range store.Read(ctx, stream, founded) {
		if err != nil {
			b.Fatal(err)
		}
		data += int64(len(e.Data))
		counted += int64(eventstore.NewEvent{Type: e.Type, Data: e.Data}.Size())
		server += int64(len(e.Data)+len(e.Type)+len(e.Stream)) + serverRecordBytes + serverIndexBytes
	}
	var loads []time.Duration
	for range 9 {
		start := time.Now()
		if _, err := projections.NewLibrary(ledger.NewService(store, ledger.Options{})).Book(ctx, lt.LiminbaID, 0); err != nil {
			b.Fatal(err)
		}
		loads = append(loads, time.Since(start))
	}
	slices.Sort(loads)
	total := int64(version())
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	file, err := os.Stat(filepath.Join(dir, "events.db"))
	if err != nil {
		b.Fatal(err)
	}
	measured(b, "village_commands_year", int64(commands)/3)
	measured(b, "village_events_year", events/3)
	measured(b, "event_data_bytes", data/events)
	measured(b, "event_append_bytes", counted/events)
	measured(b, "event_server_bytes", server/events)
	measured(b, "event_sqlite_bytes", file.Size()/total)
	measured(b, "book_event_bytes", bookEvent)
	measured(b, "book_village_bytes", last.book-bookEvent*events)
	measured(b, "state_event_bytes", stateEvent)
	measured(b, "state_village_bytes", last.state-stateEvent*events)
	measured(b, "command_rules_cpu_us", used.Microseconds()/int64(commands))
	measured(b, "book_load_us", loads[len(loads)/2].Microseconds())
}

// weight is the memory of a collective's book and of the state of its rules, in bytes.
type weight struct{ book, state int64 }

// weigh loads ten of each, as a node keeps them, and gives the mean.
func weigh(b *testing.B, store eventstore.Store) (w weight) {
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const copies = 10
	mean := func(load func() (any, error)) int64 {
		var held []any
		before := heap()
		for range copies {
			one, err := load()
			if err != nil {
				b.Fatal(err)
			}
			held = append(held, one)
		}
		after := heap()
		runtime.KeepAlive(held)
		return (after - before) / copies
	}
	w.book = mean(func() (any, error) {
		return projections.NewLibrary(ledger.NewService(store, ledger.Options{})).Book(b.Context(), lt.LiminbaID, 0)
	})
	w.state = mean(func() (any, error) {
		s := ledger.NewService(store, ledger.Options{})
		return s, s.View(b.Context(), lt.LiminbaID, func(*ledger.Collective) error { return nil })
	})
	return w
}

// benchmarkAPI is what a call costs the server beyond the network: key, checks, rules, SQLite, book, answer.
func benchmarkAPI(b *testing.B) {
	dir := demoDir(b)
	must(b, "operator", "key", "treasurer", "--data", dir)
	key, err := os.ReadFile(keyPath(dir, "treasurer"))
	if err != nil {
		b.Fatal(err)
	}
	look(b, dir, func(d *directory) {
		handler := d.server.Handler()
		call := func(r *http.Request, want int) *httptest.ResponseRecorder {
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, r)
			if answer.Code != want {
				b.Fatalf("%s: %d %s", r.URL.Path, answer.Code, answer.Body)
			}
			return answer
		}
		income := func() {
			r := httptest.NewRequest(http.MethodPost, "/mingzhang.api.v1.BooksService/RecordIncome",
				strings.NewReader(`{"commandId":"`+ledger.NewCommandID().String()+`","collectiveId":"liminba","kind":"rent","amount":"12250.00","occurredOn":"2023-01-05","moneyAccount":"bank","payer":"org/示例摊位","narration":"摊位租金"}`))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(key)))
			call(r, http.StatusOK)
		}
		message, err := json.Marshal(map[string]string{"collectiveId": "liminba", "from": "2022-01-01", "to": "2022-12-31"})
		if err != nil {
			b.Fatal(err)
		}
		path := "/mingzhang.api.v1.DisclosureService/GetFundStatement?" + url.Values{"connect": {"v1"}, "encoding": {"json"}, "message": {string(message)}}.Encode()
		tag := ""
		read := func(want int) *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
			if want == http.StatusNotModified {
				r.Header.Set("If-None-Match", tag)
			}
			return call(r, want)
		}
		cost := func(n int, f func()) int64 {
			f()
			used := cpu(b)
			for range n {
				f()
			}
			return (cpu(b) - used).Microseconds() / int64(n)
		}
		measured(b, "command_cpu_us", cost(2000, income))
		first := read(http.StatusOK)
		tag = first.Header().Get("ETag")
		measured(b, "read_cpu_us", cost(2000, func() { read(http.StatusOK) }))
		measured(b, "read_unchanged_cpu_us", cost(2000, func() { read(http.StatusNotModified) }))
		measured(b, "read_bytes", int64(first.Body.Len()))
	})
}

// conflicts counts the appends of a node that another was ahead of.
type conflicts struct {
	*eventstoredb.Store
	count *atomic.Int64
}

func (c conflicts) Append(ctx context.Context, stream string, expected uint64, events []eventstore.NewEvent) (uint64, error) {
	position, err := c.Store.Append(ctx, stream, expected, events)
	if conflict := (*eventstore.ConflictError)(nil); errors.As(err, &conflict) {
		c.count.Add(1)
	}
	return position, err
}

// The busiest day of a county: all collectives enter the last of the month and close it between nine and eleven.
const (
	countyCollectives = 500
	countyNodes       = 3
	countyWindow      = 2 * time.Hour
)

// county is nodes on one cluster of the fake, whose appends wait for the disk.
type county struct {
	b         *testing.B
	nodes     []*ledger.Service
	conflicts atomic.Int64
}

func newCounty(b *testing.B) *county {
	cluster := esdbtest.NewCluster(b, esdbtest.Options{Dir: b.TempDir(), Sync: true}, 3)
	c := &county{b: b}
	for range countyNodes {
		inner, err := eventstoredb.Open(cluster.ConnectionString(), eventstoredb.Options{})
		if err != nil {
			b.Fatal(err)
		}
		store, observer := conflicts{inner, &c.conflicts}, &observed{}
		service := ledger.NewService(store, ledger.Options{Observer: observer, Shared: true})
		observer.library = projections.NewLibrary(service)
		ctx, stop := context.WithCancel(context.Background())
		var following sync.WaitGroup
		following.Go(func() { ledger.NewFollower(service, store).Run(ctx) })
		b.Cleanup(func() {
			stop()
			following.Wait()
			service.Close(context.Background())
			if err := inner.Close(); err != nil {
				b.Error(err)
			}
		})
		c.nodes = append(c.nodes, service)
	}
	return c
}

// found founds a collective on a node: charter, roles, an account, the split.
func (c *county) found(id string, node *ledger.Service) {
	charter := proto.CloneOf(lt.Charter())
	charter.CollectiveId, charter.LogOrigin, charter.FirstDay = id, "example.org/"+id, 20201201
	var orders []ledger.Order
	add := func(actor string, command ledger.Command) {
		orders = append(orders, ledger.Order{Command: command, Meta: ledger.Meta{ID: ledger.NewCommandID(), Actor: actor, Now: lt.Noon("2020-12-01")}})
	}
	add(lt.Admin, &ledger.FoundCollective{Charter: charter})
	add(lt.Admin, &ledger.GrantRole{Operator: lt.Treasurer, Role: eventv1.Role_ROLE_TREASURER})
	add(lt.Admin, &ledger.GrantRole{Operator: lt.Approver, Role: eventv1.Role_ROLE_APPROVER})
	add(lt.Admin, &ledger.GrantRole{Operator: lt.Supervisor, Role: eventv1.Role_ROLE_SUPERVISOR})
	add(lt.Treasurer, &ledger.OpenMoneyAccount{ID: "bank", Kind: eventv1.MoneyAccountKind_MONEY_ACCOUNT_KIND_BANK, Text: "基本户"})
	add(lt.Approver, lt.Resolution("2020-12-01", "policy", eventv1.Matter_MATTER_POLICY, "household_heads", "", ""))
	add(lt.Supervisor, &ledger.ConfirmResolution{ID: "policy"})
	add(lt.Approver, &ledger.AdoptPolicy{Effective: lt.Day("2020-12-01"), Kinds: []string{"rent"}, Shares: lt.Shares("0.7", "0.1", "0.1", "0.1"), Resolution: "policy"})
	for i, o := range node.DoAll(context.Background(), id, orders) {
		if o.Err != nil {
			c.b.Fatalf("%s: %s: %v", id, orders[i].Command.Name(), o.Err)
		}
	}
}

// arrival is one command of the busiest day.
type arrival struct {
	at         time.Duration // after nine
	collective string
	actor      string
	command    ledger.Command
}

// closing is what each collective does: four rents in pairs, by two people at the same moment, a fifth, then the close and the review.
func closing(id, month, last string, at time.Duration) []arrival {
	var all []arrival
	add := func(after time.Duration, actor string, c ledger.Command) {
		all = append(all, arrival{at + after, id, actor, c})
	}
	for n := range 5 {
		add(time.Duration(n/2)*20*time.Second, lt.Treasurer, &ledger.RecordIncome{Kind: "rent", Amount: lt.Yuan("12,250.00"), On: lt.Day(last), Money: "bank",
			Payer: "org/示例摊位", Narration: "租金", Documents: []ledger.Document{{Kind: "bank_line", Issuer: "bank", Number: fmt.Sprintf("%s-%d", month, n)}}})
	}
	m := lt.Day(month + "-01").Month()
	add(2*time.Minute, lt.Treasurer, &ledger.ClosePeriod{Month: m})
	add(5*time.Minute, lt.Supervisor, &ledger.ReviewPeriod{Month: m, Verdict: eventv1.Verdict_VERDICT_SIGNED})
	return all
}

// do carries a command out on some node and gives the time that it took.
func (c *county) do(a arrival, day string, node int) time.Duration {
	now := lt.Noon(day).Add(-3*time.Hour + a.at)
	start := time.Now()
	_, err := c.nodes[node].Do(context.Background(), a.collective, a.command, ledger.Meta{ID: ledger.NewCommandID(), Actor: a.actor, Now: now})
	if err != nil {
		c.b.Errorf("%s: %s: %v", a.collective, a.command.Name(), err)
	}
	return time.Since(start)
}

// benchmarkCounty plays the day twice: as it comes, in virtual time, and all collectives at once.
func benchmarkCounty(b *testing.B) {
	c := newCounty(b)
	random := rand.New(rand.NewPCG(1, 2))
	ids := make([]string, countyCollectives)
	var founding sync.WaitGroup
	next := make(chan int)
	for range 8 {
		founding.Go(func() {
			for i := range next {
				c.found(ids[i], c.nodes[i%countyNodes])
			}
		})
	}
	for i := range ids {
		ids[i] = fmt.Sprintf("village-%03d", i)
		next <- i
	}
	close(next)
	founding.Wait()
	c.asItComes(ids, random)
	c.allAtOnce(ids, random)
}

// asItComes lets the commands of each second of the two hours arrive together. A second that is done early ends early: what is
// real is the work, not the waiting.
func (c *county) asItComes(ids []string, random *rand.Rand) {
	b := c.b
	var all []arrival
	for _, id := range ids {
		// The sum of two dice: most come at about ten.
		at := time.Duration((random.Float64() + random.Float64()) / 2 * float64(countyWindow-5*time.Minute))
		all = append(all, closing(id, "2020-12", "2020-12-31", at)...)
	}
	slices.SortStableFunc(all, func(x, y arrival) int { return cmp.Compare(x.at, y.at) })
	second := func(a arrival) int64 { return int64(a.at / time.Second) }
	var took []time.Duration
	var working time.Duration
	var peak int
	lost, used := c.conflicts.Load(), cpu(b)
	for len(all) > 0 {
		n := 1
		for n < len(all) && second(all[n]) == second(all[0]) {
			n++
		}
		peak = max(peak, n)
		times := make([]time.Duration, n)
		var now sync.WaitGroup
		start := time.Now()
		for i, a := range all[:n] {
			node := random.IntN(countyNodes)
			now.Go(func() { times[i] = c.do(a, "2021-01-01", node) })
		}
		now.Wait()
		working += time.Since(start)
		took = append(took, times...)
		all = all[n:]
	}
	used = cpu(b) - used
	slices.Sort(took)
	measured(b, "county_commands", int64(len(took)))
	measured(b, "county_peak_second_commands", int64(peak))
	measured(b, "county_day_conflicts", c.conflicts.Load()-lost)
	measured(b, "county_day_p50_us", took[len(took)/2].Microseconds())
	measured(b, "county_day_p99_us", took[len(took)*99/100].Microseconds())
	measured(b, "county_day_working_ms", working.Milliseconds())
	measured(b, "county_command_cpu_us", used.Microseconds()/int64(len(took)))
}

// allAtOnce is the same work a month later, with nobody waiting for ten o'clock: the rate that nodes and cluster can do.
func (c *county) allAtOnce(ids []string, random *rand.Rand) {
	b := c.b
	lost := c.conflicts.Load()
	times := make([][]time.Duration, len(ids))
	var villages sync.WaitGroup
	start := time.Now()
	for i, id := range ids {
		commands := closing(id, "2021-01", "2021-01-31", 0)
		nodes := make([]int, len(commands))
		for n := range nodes {
			nodes[n] = random.IntN(countyNodes)
		}
		villages.Go(func() {
			for n, a := range commands {
				times[i] = append(times[i], c.do(a, "2021-02-01", nodes[n]))
			}
		})
	}
	villages.Wait()
	took := slices.Concat(times...)
	rate := float64(len(took)) / time.Since(start).Seconds()
	slices.Sort(took)
	measured(b, "rush_commands_second", int64(rate))
	measured(b, "rush_conflicts", c.conflicts.Load()-lost)
	measured(b, "rush_p99_us", took[len(took)*99/100].Microseconds())
}

// newBusy begins a busy village on a service, with its months of 2020 closed; play gives it more commands.
func newBusy(b *testing.B, service *ledger.Service) (v *busy, play func([]lt.Step)) {
	b.Helper()
	play = func(steps []lt.Step) {
		for _, s := range steps {
			m := ledger.Meta{ID: ledger.NewCommandID(), Actor: s.Actor, Now: lt.Noon(s.Date)}
			if _, err := service.Do(b.Context(), lt.LiminbaID, s.Command, m); err != nil {
				b.Fatalf("%s %s: %v", s.Date, s.Command.Name(), err)
			}
		}
	}
	v = new(busy)
	for month := 3; month <= 11; month++ {
		v.close("2020-12-02", fmt.Sprintf("2020-%02d", month))
	}
	play(v.steps)
	return v, play
}
