package esdbtest

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
)

type featuresService struct {
	serverfeatures.UnimplementedServerFeaturesServer
	server *Server
}

// GetSupportedMethods tells what there is, in lower case as the server does. Anybody may ask.
func (f *featuresService) GetSupportedMethods(ctx context.Context, _ *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	call, err := f.server.open(ctx, "GetSupportedMethods", "")
	if err != nil {
		return nil, err
	}
	defer call.done()
	const prefix = "event_store.client."
	methods := &serverfeatures.SupportedMethods{EventStoreServerVersion: f.server.options.Version}
	add := func(service, method string, features ...string) {
		methods.Methods = append(methods.Methods, &serverfeatures.SupportedMethod{ServiceName: prefix + service, MethodName: method, Features: features})
	}
	add("streams.streams", "read", "position", "events")
	add("streams.streams", "append")
	add("streams.streams", "delete")
	add("streams.streams", "tombstone")
	if !f.server.options.NoBatchAppend {
		add("streams.streams", "batchappend", "deadline_duration")
	}
	add("gossip.gossip", "read")
	add("server_features.serverfeatures", "getsupportedmethods")
	return methods, nil
}
