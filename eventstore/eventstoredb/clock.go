package eventstoredb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc/metadata"
)

// Clock is what time it is on the machines of the cluster, as the newest of their members says in gossip: a second or two ago.
func (s *Store) Clock(ctx context.Context) (at time.Time, err error) {
	if err := s.alive(ctx); err != nil {
		return at, err
	}
	v, err := s.attempt(ctx, func(ctx context.Context, m *member, _ *patience) (verdict, string, error) {
		var trailer metadata.MD
		info, err := gossip.NewGossipClient(m.conn).Read(ctx, &shared.Empty{}, trailerOf(&trailer))
		if err != nil {
			return judge(err, trailer)
		}
		for _, one := range info.GetMembers() {
			if told := timeOf(one.GetTimeStamp()); one.GetIsAlive() && told.After(at) {
				at = told
			}
		}
		if at.IsZero() {
			return final, "", errors.New("no member tells its time")
		}
		return final, "", nil
	})
	if err != nil {
		return at, fmt.Errorf("clock of the event store: %w", s.failure(ctx, v, err))
	}
	return at, nil
}

// ticksTo1970 is how many units of 100 ns lie between the years 1 and 1970, where servers begin to count.
const ticksTo1970 = 621_355_968_000_000_000

// timeOf reads a time of the server, in units of 100 ns since 1970; some releases count from the year 1. 0 is the zero time.
func timeOf(ticks int64) time.Time {
	if ticks > ticksTo1970 {
		ticks -= ticksTo1970
	}
	if ticks <= 0 {
		return time.Time{}
	}
	return time.UnixMicro(ticks / 10)
}
