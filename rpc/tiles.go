package rpc

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// tileWidth is the number of hashes of a full tile.
const tileWidth = 256

// GetTile implements AuditService.
func (s auditService) GetTile(ctx context.Context, r *apiv1.GetTileRequest) (*apiv1.GetTileResponse, error) {
	level, width := int(r.Level), int(r.Width)
	if width == 0 {
		width = tileWidth
	}
	if r.Entries {
		if r.Level != 0 {
			return nil, refuse(ledger.FieldInvalid, "level", "problem", "events have no level", problemChinese, "事件没有层")
		}
		level = transparency.EntriesLevel
	}
	data, err := s.config.Log.Tile(ctx, ledger.StreamOf(r.CollectiveId), level, r.N, width)
	var out *transparency.RangeError
	if errors.As(err, &out) {
		return nil, refuse(ledger.FieldInvalid, "n", "problem", "a log of "+strconv.FormatUint(out.Size, 10)+" events does not have this tile",
			problemChinese, "共 "+strconv.FormatUint(out.Size, 10)+" 笔的账簿没有这一块")
	}
	return &apiv1.GetTileResponse{Data: data}, err
}

// WatchHeads implements AuditService. It counts as a watch.
func (s auditService) WatchHeads(ctx context.Context, r *apiv1.WatchHeadsRequest, stream apiv1connect.AuditServiceWatchHeadsServerStream) error {
	if _, err := s.config.Ledger.Facts(ctx, r.CollectiveId); err != nil {
		return err
	}
	leave, err := s.watchers.enter(watcherOf(ctx), s.watching)
	if err != nil {
		return err
	}
	defer leave()
	err = s.watchHeads(ctx, r, stream)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return nil // it ran as long as a watch may; the client goes on with another
	}
	return err
}

func (s auditService) watchHeads(ctx context.Context, r *apiv1.WatchHeadsRequest, stream apiv1connect.AuditServiceWatchHeadsServerStream) error {
	seen := r.AfterSize
	beat := time.NewTimer(0) // a sign of life at once when there is nothing to send
	defer beat.Stop()
	for due := false; ; {
		if err := stillAllowed(ctx, r); err != nil {
			return err
		}
		head, note, next, err := s.config.Log.NextHead(ctx, ledger.StreamOf(r.CollectiveId))
		if err != nil {
			return err
		}
		if head.Size > seen || due {
			m := &apiv1.WatchHeadsResponse{Size: seen}
			if head.Size > seen {
				seen = head.Size
				m = &apiv1.WatchHeadsResponse{Note: string(note), Size: seen, Root: hexOf(head.Root), VerifierKey: s.config.VerifierKey(head.Origin)}
			}
			connectionOf(ctx).writeWithin(s.watching.patience)
			if err := stream.Send(m); err != nil {
				return err
			}
			beat.Reset(s.watching.heartbeat)
		}
		due = false
		select {
		case <-next:
		case <-beat.C:
			due = true
		case <-s.watchers.stopping:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// LogHandler hands out the logs that a server has as published directories do (C2SP tlog-tiles), under /log/<collective>/: the
// checkpoint, the public key, witness policies, seals and editions of every log, tiles and entries of those whose charter opens the
// log to everybody.
func (s *Server) LogHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /log/{collective}/{file...}", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
		defer cancel()
		data, final, err := s.logFile(ctx, r.PathValue("collective"), r.PathValue("file"))
		refusal, known := refusalOf(err)
		switch {
		case err == nil:
		case errors.Is(err, errNoFile) || known && refusal.Reason == ledger.CollectiveUnknown:
			http.NotFound(w, r)
			return
		default:
			_ = s.failure(ctx, r.URL.Path, err) // to the log of the process
			http.Error(w, string(refusal.Reason), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if strings.HasPrefix(r.PathValue("file"), "tile/") {
			w.Header().Set("Content-Type", "application/octet-stream")
		}
		w.Header().Set("Cache-Control", "no-cache")
		if final {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		_, _ = w.Write(data) // who left needs no answer
	})
	return mux
}

var errNoFile = errors.New("no such file")

// keptFile is the list of heads that more than one key has signed, or one of them; false when the name is of neither.
func (s *Server) keptFile(stream, name string) ([]byte, bool, error) {
	if name != transparency.KeptFile && !strings.HasPrefix(name, transparency.CheckpointFile+".") {
		return nil, false, nil
	}
	kept, err := s.config.Log.KeptHeads(stream)
	if err != nil {
		return nil, false, err
	}
	var list []byte
	for _, size := range slices.Sorted(maps.Keys(kept)) {
		if name == transparency.KeptHeadFile(size) {
			return kept[size], true, nil
		}
		list = append(strconv.AppendUint(list, size, 10), '\n')
	}
	return list, name == transparency.KeptFile && len(list) > 0, nil
}

// fileBeside is what is published beside the tree of a log: an edition or its proof, a witness policy, the head of a closed month. It is
// made of the same public reads that everybody has; false when the name is of none, or of one that is not there.
func (s *Server) fileBeside(ctx context.Context, collective, name string) (data []byte, ok bool, err error) {
	public := disclosureService{s}
	seal, isSeal := strings.CutPrefix(name, transparency.CheckpointFile+".")
	switch {
	case strings.HasPrefix(name, "editions/"):
		return s.editionFile(ctx, collective, name)
	case isSeal:
		size, parseErr := strconv.ParseUint(seal, 10, 62)
		if parseErr != nil || size == 0 || transparency.SealFile(size) != name {
			return nil, false, nil
		}
		var answer *apiv1.GetSealResponse
		if answer, err = public.GetSeal(ctx, &apiv1.GetSealRequest{CollectiveId: collective, Size: size}); err == nil && answer.Seal.PolicyVersion > 0 {
			data = []byte(answer.Note)
		}
	case name == transparency.PolicyFile || strings.HasPrefix(name, transparency.PolicyFile+"."):
		var answer *apiv1.GetWitnessPolicyResponse
		if answer, err = public.GetWitnessPolicy(ctx, &apiv1.GetWitnessPolicyRequest{CollectiveId: collective}); err != nil {
			break
		}
		for _, p := range answer.Policies {
			if name == transparency.PolicyFileOf(p.PolicyVersion) || name == transparency.PolicyFile && p.PolicyVersion == answer.InForce.GetPolicyVersion() {
				data = []byte(p.Text)
			}
		}
	}
	if refusal := (*ledger.Refusal)(nil); errors.As(err, &refusal) { // there is no such edition, seal or policy
		return nil, false, nil
	}
	return data, data != nil, err
}

// logFile is one file of a log; final says that it never changes.
func (s *Server) logFile(ctx context.Context, collective, name string) (data []byte, final bool, err error) {
	if strings.Trim(collective, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return nil, false, errNoFile
	}
	facts, err := s.config.Ledger.Facts(ctx, collective)
	if err != nil {
		return nil, false, err
	}
	stream := ledger.StreamOf(collective)
	switch name {
	case transparency.CheckpointFile:
		_, note, _, err := s.config.Log.NextHead(ctx, stream) // at most a second old: nobody outside has one made
		if err == nil && note == nil {
			_, note, err = s.config.Log.Head(ctx, stream)
		}
		return note, false, err
	case transparency.VerifierFile:
		return []byte(s.config.VerifierKey(facts.Charter.GetLogOrigin()) + "\n"), false, nil
	}
	if data, ok, err := s.keptFile(stream, name); ok || err != nil {
		return data, false, err
	}
	if data, ok, err := s.fileBeside(ctx, collective, name); ok || err != nil {
		return data, false, err
	}
	level, n, width, ok := transparency.TileOf(name)
	if !ok || facts.Charter.GetPublicLog() != eventv1.PublicLog_PUBLIC_LOG_FULL {
		return nil, false, errNoFile
	}
	data, err = s.config.Log.Tile(ctx, stream, level, n, width)
	if errors.As(err, new(*transparency.RangeError)) {
		err = errNoFile
	}
	return data, true, err
}
