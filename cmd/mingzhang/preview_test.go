package main

import (
	"bytes"
	"strings"
	"testing"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// readFunc is a reader made of a function.
type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// What was confirmed is what is booked: when somebody else books between the preview and the answer, the command is refused.
// Without a yes nothing is.
func TestConfirmedIsWhatIsBooked(t *testing.T) {
	gift := func() *apiv1.ReceiveGiftRequest {
		return &apiv1.ReceiveGiftRequest{CommandId: commandID(""), CollectiveId: "liminba", Fund: "welfare", Amount: "5.00",
			OccurredOn: "2023-01-05", MoneyAccount: "bank"}
	}
	for _, c := range []struct {
		what, answer string
		meanwhile    bool
		refused      string
	}{
		{"yes", "y\n", false, ""}, {"yes in Chinese", "是\n", false, ""}, {"no", "n\n", false, "Nothing was done"}, {"nothing", "", false, "Nothing was done"},
		{"yes, after another command", "y\n", true, "[version_stale]"},
	} {
		var stderr bytes.Buffer
		s := &session{config: config{lang: english, data: demoDir(t)}, stderr: &stderr}
		err := s.with(func(c2 *client) error {
			ctx := rpc.AsOperator(t.Context(), "treasurer")
			answer := strings.NewReader(c.answer)
			s.stdin = readFunc(func(p []byte) (int, error) {
				if c.meanwhile && answer.Len() == len(c.answer) {
					if _, err := c2.books.ReceiveGift(ctx, gift()); err != nil {
						t.Error(err)
					}
				}
				return answer.Read(p)
			})
			request := gift()
			if done, err := c2.confirm(ctx, writing{}, "ReceiveGift", request, "办理吗?", "Do it?"); done || err != nil {
				return err
			}
			booked, err := c2.books.ReceiveGift(ctx, request)
			if err == nil && booked.Receipt.Version != 173 {
				t.Errorf("%s: booked as version %d", c.what, booked.Receipt.Version)
			}
			return err
		})
		report(&stderr, english, err)
		said := stderr.String()
		if !strings.Contains(said, "收2023-1  2023-01-05  5.00  伍元整\n") || (err != nil) != (c.refused != "") || !strings.Contains(said, c.refused) {
			t.Errorf("%s: %v\n%s", c.what, err, said)
		}
	}
}

// A failure that leaves the outcome unknown names the command, so that it can be given again; a refusal does not.
func TestUnknownOutcomeNamesTheCommand(t *testing.T) {
	request := &apiv1.ReceiveGiftRequest{CommandId: "018d632a-7c00-7000-8000-000000000001"}
	if f := explain(repeatable(failed(exitStorage, "断了。", "It broke."), request)); f.code != exitStorage ||
		!strings.Contains(f.zh, request.CommandId) || !strings.Contains(f.en, "--command-id") {
		t.Errorf("%d %s %s", f.code, f.zh, f.en)
	}
	if f := explain(repeatable(failed(exitRefused, "不行。", "No."), request)); f.en != "No." {
		t.Errorf("%s", f.en)
	}
}
