package esdbtest

import (
	"context"
	"net"
	"strconv"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/gossip"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
)

type gossipService struct {
	gossip.UnimplementedGossipServer
	server *Server
}

// Read tells the members as this one knows them. Anybody may ask.
func (g *gossipService) Read(ctx context.Context, _ *shared.Empty) (*gossip.ClusterInfo, error) {
	s := g.server
	call, err := s.open(ctx, "Gossip", "")
	if err != nil {
		return nil, err
	}
	defer call.done()
	switch {
	case s.options.Members != nil:
		return &gossip.ClusterInfo{Members: s.options.Members()}, nil
	case s.cluster != nil:
		return &gossip.ClusterInfo{Members: s.cluster.members()}, nil
	}
	return &gossip.ClusterInfo{Members: []*gossip.MemberInfo{s.memberInfo(gossip.MemberInfo_Leader, true)}}, nil
}

// memberInfo is what gossip says of a server. The time is in ticks of 100 ns since 1970, as the server's Gossip.Read sends it.
func (s *Server) memberInfo(state gossip.MemberInfo_VNodeState, alive bool) *gossip.MemberInfo {
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		panic(err) // the address comes from a listener
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		panic(err)
	}
	return &gossip.MemberInfo{
		InstanceId: structuredID.encode(s.id), TimeStamp: ticks(s.now()), State: state, IsAlive: alive,
		HttpEndPoint: &gossip.EndPoint{Address: host, Port: uint32(n)},
	}
}
