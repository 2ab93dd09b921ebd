package ledger_test

import (
	"crypto/sha256"
	"testing"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
	lt "github.com/mingzhang-ledger/mingzhang/ledger/ledgertest"
)

// The commands of TestMatrix about what is published, and the cases of TestReasons for their reasons.
func init() {
	commands = append(commands, &ledger.PublishEdition{}, &ledger.DiscloseRound{})
	refusals[ledger.EditionUnknown] = func(t *testing.T) error { return board(editions(t), 1, 31, 4) }
	refusals[ledger.EditionExists] = func(t *testing.T) error { return board(editions(t), 1, 31, 0) }
	refusals[ledger.EditionReplaced] = func(t *testing.T) error { return board(editions(t), 1, 31, 1) }
	refusals[ledger.EditionOtherDays] = func(t *testing.T) error { return board(editions(t), 1, 30, 2) }
	refusals[ledger.LinesChanged] = func(t *testing.T) error {
		return on(declared(t), "2021-07-21", lt.Treasurer, &ledger.DiscloseRound{Kind: eventv1.RoundKind_ROUND_KIND_DIVIDEND, Round: "2021", Tree: ledger.SumTree{Count: 3210}})
	}
}

// figures are what the service fills in at a version.
func figures(version uint64) ledger.Figures {
	return ledger.Figures{Version: version, Root: sha256.Sum256([]byte("root")), Content: sha256.Sum256([]byte("text"))}
}

// edition is of some days of May 2020, as the service hands it over.
func edition(b *lt.Books, first, last ledger.Day, corrects uint32) *ledger.PublishEdition {
	c := &ledger.PublishEdition{First: 20200500 + first, Last: 20200500 + last, Corrects: corrects, Figures: figures(b.State.Version())}
	if corrects != 0 {
		c.Reason = "漏记一笔"
	}
	return c
}

func board(b *lt.Books, first, last ledger.Day, corrects uint32) error {
	return on(b, "2020-06-02", lt.Treasurer, edition(b, first, last, corrects))
}

// editions has the edition 1 of May 2020, 2 that corrects it, and 3 of its first ten days.
func editions(t *testing.T) *lt.Books {
	b := lt.Liminba(t)
	for _, c := range []struct {
		last     ledger.Day
		corrects uint32
	}{{31, 0}, {31, 1}, {10, 0}} {
		b.Do("2020-06-01", lt.Treasurer, edition(b, 1, c.last, c.corrects))
	}
	return b
}

// declared has the dividend 2021 of 3,211 members, and awarded grants.
func declared(t *testing.T) *lt.Books { return lt.Demo(t, "2021-07-20") }

// publishedFacts goes on from everyFact with one fact of each type about what is published.
func publishedFacts(b *lt.Books) {
	b.Do("2020-05-12", lt.Treasurer, &ledger.PublishEdition{First: 20200301, Last: 20200331, Figures: figures(40)})
	b.Do("2020-05-12", lt.Treasurer, &ledger.DiscloseRound{Kind: eventv1.RoundKind_ROUND_KIND_DIVIDEND, Round: "2020",
		Tree: ledger.SumTree{Root: sha256.Sum256([]byte("root")), Count: 3, Total: 1_000_00, Record: [16]byte{1, 2, 3}}})
}

// TestPublishEdition: what the fact says, and what each field may be.
func TestPublishEdition(t *testing.T) {
	b := editions(t)
	var all []*eventv1.EditionPublished
	for _, e := range b.Events {
		if f := e.GetEditionPublished(); f != nil {
			all = append(all, f)
			if f.Version >= e.Version {
				t.Errorf("edition %d of event %d is made from %d events", f.Number, e.Version, f.Version)
			}
		}
	}
	two := all[1]
	if len(all) != 3 || two.Number != 2 || two.FirstDay != 20200501 || two.LastDay != 20200531 || two.Corrects != 1 || two.Reason != "漏记一笔" || len(two.Root) != 32 ||
		string(two.ContentSha256) == string(two.Root) || all[2].Number != 3 || all[2].Corrects != 0 {
		t.Fatalf("published are %v", all)
	}
	version := b.State.Version()
	for what, c := range map[string]struct {
		change func(*ledger.PublishEdition)
		want   ledger.Reason
		field  string
	}{
		"no first day":              {func(c *ledger.PublishEdition) { c.First = 0 }, ledger.DateInvalid, "from"},
		"a day that does not exist": {func(c *ledger.PublishEdition) { c.Last = 20200532 }, ledger.DateInvalid, "to"},
		"days turned round":         {func(c *ledger.PublishEdition) { c.First, c.Last = c.Last, c.First }, ledger.FieldInvalid, "to"},
		"before the books":          {func(c *ledger.PublishEdition) { c.First = 20200229 }, ledger.DateBeforeFirst, "from"},
		"tomorrow":                  {func(c *ledger.PublishEdition) { c.Last = 20200603 }, ledger.DateInFuture, "to"},
		"too many days":             {func(c *ledger.PublishEdition) { c.First, c.Last = 20200301, 20210302 }, ledger.TooMany, "to"},
		"a reason for nothing":      {func(c *ledger.PublishEdition) { c.Reason = "补记" }, ledger.FieldInvalid, "reason"},
		"a correction in silence":   {func(c *ledger.PublishEdition) { c.Last, c.Corrects = 20200531, 2 }, ledger.FieldInvalid, "reason"},
		"a number in the reason":    {func(c *ledger.PublishEdition) { c.Last, c.Corrects, c.Reason = 20200531, 2, "电话 13812345678" }, ledger.TextInvalid, "reason"},
		"a version to come":         {func(c *ledger.PublishEdition) { c.Version = version + 1 }, ledger.FieldInvalid, "version"},
		"figures of another":        {func(c *ledger.PublishEdition) { c.Version = 3 }, ledger.FieldInvalid, "version"},
		"figures to come":           {func(c *ledger.PublishEdition) { c.Figures.Version = version + 1 }, ledger.FieldInvalid, "version"},
		"no figures":                {func(c *ledger.PublishEdition) { c.Figures = ledger.Figures{} }, ledger.FieldInvalid, "version"},
		"no root":                   {func(c *ledger.PublishEdition) { c.Figures.Root = [32]byte{} }, ledger.FieldInvalid, "version"},
		"no text":                   {func(c *ledger.PublishEdition) { c.Figures.Content = [32]byte{} }, ledger.FieldInvalid, "version"},
	} {
		t.Run(what, func(t *testing.T) {
			wrong := edition(b, 1, 20, 0)
			c.change(wrong)
			if r := b.Refuse("2020-06-02", lt.Treasurer, wrong, c.want); r.Field != c.field {
				t.Errorf("it is refused at %q, want %q", r.Field, c.field)
			}
		})
	}
	earlier := edition(b, 1, 20, 0)
	earlier.Version, earlier.Figures = 3, figures(3)
	if f := b.Do("2020-06-02", lt.Treasurer, earlier)[0].GetEditionPublished(); f.Version != 3 || f.Number != 4 {
		t.Errorf("of version 3 is published %v", f)
	}
	b.Refuse("2020-06-02", lt.Supervisor, edition(b, 1, 19, 0), ledger.RoleMissing)
}

// TestComputedPartsAreNoContent: a command given again is the same command, whatever the service has filled in meanwhile.
func TestComputedPartsAreNoContent(t *testing.T) {
	digest := func(c ledger.Command) [32]byte { return ledger.Digest(c, "x", lt.Treasurer) }
	if digest(&ledger.PublishEdition{First: 20200501, Last: 20200531}) != digest(&ledger.PublishEdition{First: 20200501, Last: 20200531, Figures: figures(9)}) {
		t.Error("the figures are part of an edition's digest")
	}
	if digest(&ledger.PublishEdition{First: 20200501, Last: 20200531}) == digest(&ledger.PublishEdition{First: 20200501, Last: 20200531, Version: 9}) {
		t.Error("the version that was asked for is no part of an edition's digest")
	}
	if digest(&ledger.DiscloseRound{Kind: 1, Round: "2021"}) != digest(&ledger.DiscloseRound{Kind: 1, Round: "2021", Tree: ledger.SumTree{Root: [32]byte{1}, Count: 9}}) {
		t.Error("the tree is part of a disclosure's digest")
	}
	if digest(&ledger.DiscloseRound{Kind: 1, Round: "2021"}) == digest(&ledger.DiscloseRound{Kind: 2, Round: "2021"}) {
		t.Error("the kind is no part of a disclosure's digest")
	}
}

// TestDiscloseRound: once, when it is owed, with all lines; awarded or declared again, once more.
func TestDiscloseRound(t *testing.T) {
	tree := func(count uint32, total string) ledger.SumTree {
		return ledger.SumTree{Root: sha256.Sum256([]byte("root")), Count: count, Total: lt.Yuan(total), Record: [16]byte{byte(count)}}
	}
	grant := func(count uint32, total string) *ledger.DiscloseRound {
		return &ledger.DiscloseRound{Kind: eventv1.RoundKind_ROUND_KIND_GRANT, Round: "gifts", Tree: tree(count, total)}
	}
	b := noticed(t)
	b.Do("2021-01-12", lt.Supervisor, &ledger.RaiseObjection{Round: "gifts", Member: 1, Text: "不符合条件"})
	b.Do("2021-01-12", lt.Approver, &ledger.AnswerObjection{Round: "gifts", Number: 1, Upheld: true, Text: "属实"})
	b.Refuse("2021-01-21", lt.Treasurer, grant(1, "70.00"), ledger.RoundState)
	b.Do("2021-01-21", lt.Approver, &ledger.AwardGrants{Round: "gifts", On: lt.Day("2021-01-21")})
	b.Refuse("2021-01-21", lt.Treasurer, grant(2, "120.00"), ledger.LinesChanged, "lines=2", "total=120.00", "lines_now=1", "total_now=70.00")
	b.Refuse("2021-01-21", lt.Treasurer, grant(2, "70.00"), ledger.LinesChanged, "lines=2", "lines_now=1")
	b.Refuse("2021-01-21", lt.Treasurer, grant(1, "70.01"), ledger.LinesChanged, "total=70.01")
	fact := b.Do("2021-01-21", lt.Treasurer, grant(1, "70.00"))[0].GetRoundDisclosed()
	if fact.Id != "gifts" || fact.Count != 1 || fact.TotalFen != 70_00 || len(fact.Root) != 32 || len(fact.Record) != 16 {
		t.Errorf("disclosed is %v", fact)
	}
	if !b.State.HoldsSeed([16]byte{1}) || b.State.HoldsSeed([16]byte{2}) {
		t.Error("the log does not know which records hold seeds")
	}
	b.Refuse("2021-01-21", lt.Treasurer, grant(1, "70.00"), ledger.AlreadyDone)
	b.Do("2021-01-22", lt.Treasurer, reverses("转2021-1"))
	b.Do("2021-01-22", lt.Supervisor, &ledger.ReviewRequest{Number: 1})
	b.Do("2021-01-22", lt.Approver, &ledger.ApproveRequest{Number: 1})
	b.Do("2021-01-22", lt.Treasurer, &ledger.BookCorrection{Number: 1})
	b.Refuse("2021-01-22", lt.Treasurer, grant(1, "70.00"), ledger.RoundState)
	b.Do("2021-01-23", lt.Approver, &ledger.AwardGrants{Round: "gifts", On: lt.Day("2021-01-23")})
	b.Do("2021-01-23", lt.Treasurer, grant(1, "70.00"))
	b.Refuse("2021-01-23", lt.Treasurer, &ledger.DiscloseRound{Kind: eventv1.RoundKind_ROUND_KIND_DIVIDEND, Round: "gifts", Tree: tree(1, "70.00")}, ledger.RunUnknown)
	if r := b.Refuse("2021-01-23", lt.Treasurer, &ledger.DiscloseRound{Round: "gifts", Tree: tree(1, "70.00")}, ledger.FieldInvalid); r.Field != "kind" {
		t.Errorf("without a kind it is refused at %q", r.Field)
	}
	for _, unmade := range []ledger.SumTree{{Count: 3211, Total: lt.Yuan("137161.92")}, {}} {
		_, err := declared(t).Try("2021-07-21", lt.Treasurer, &ledger.DiscloseRound{Kind: eventv1.RoundKind_ROUND_KIND_DIVIDEND, Round: "2021", Tree: unmade})
		if err == nil {
			t.Errorf("the tree %v is disclosed", unmade)
		}
	}
}
