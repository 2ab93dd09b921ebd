package eventstoredb_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoretest"
)

// The suite runs against the fake as it is, against its cluster, over TLS with a login, and against servers that count, mark and
// drop as other releases do.
func TestContract(t *testing.T) {
	servers := map[string]esdbtest.Options{
		"24.6":           {},
		"secure":         {TLS: true, Users: esdbtest.Admin()},
		"strict size":    {StrictSize: true, GoingLive: esdbtest.PageStart, FellBehind: true},
		"23.6":           {Version: "23.6.0", NoCaughtUp: true, GoingLive: esdbtest.NoCheckpoint, SlowConsumer: esdbtest.DropSlow},
		"slow consumers": {LiveBuffer: 1},
	}
	for name, o := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := esdbtest.New(t, o)
			run(t, server.ConnectionString())
		})
	}
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		run(t, esdbtest.NewCluster(t, esdbtest.Options{}, 3).ConnectionString())
	})
	t.Run("discovery by one name", func(t *testing.T) {
		t.Parallel()
		cluster := esdbtest.NewCluster(t, esdbtest.Options{}, 3)
		run(t, "esdb+discover://"+cluster.Member((cluster.Leader()+1)%3).Addr()+"?tls=false")
	})
	t.Run("one host that does not lead", func(t *testing.T) {
		t.Parallel()
		cluster := esdbtest.NewCluster(t, esdbtest.Options{}, 3)
		run(t, "esdb://"+cluster.Member((cluster.Leader()+1)%3).Addr()+"?tls=false")
	})
}

func run(t *testing.T, connection string) {
	eventstoretest.Run(t, func(*testing.T) eventstoretest.Storage {
		return eventstoretest.Storage{Durable: true, Open: func() (eventstore.Store, error) {
			return eventstoredb.Open(connection, eventstoredb.Options{})
		}}
	})
}

// TestContractOfServer runs the suite against a real server, in streams with names of their own.
func TestContractOfServer(t *testing.T) {
	connection := os.Getenv("MINGZHANG_TEST_ESDB")
	if connection == "" {
		t.Skip("MINGZHANG_TEST_ESDB holds no connection string: the suite ran against the fake alone")
	}
	run(t, connection)
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
