package rpc_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// TestPayoutsOverTheAPI deals a dividend by shares, holds a member, gets a payment back, supplements the run, and reads all of
// it again; the public sees counts and nobody's number.
func TestPayoutsOverTheAPI(t *testing.T) {
	v := newVillage(t, eventstore.NewMemory()).open()
	treasurer := func(name, body string) reply { return v.post("treasurer", "/mingzhang.api.v1."+name, body) }
	command := func(as, name, fields string) string {
		t.Helper()
		answer := v.post(as, "/mingzhang.api.v1."+name, fmt.Sprintf(`{"commandId":%q,"collectiveId":"lmb",%s}`, id(), fields))
		if answer.status != 200 {
			t.Fatalf("%s: %s", name, answer.body)
		}
		return strings.ReplaceAll(answer.body, ": ", ":")
	}
	refused := func(as, name, fields string, want ledger.Reason) {
		t.Helper()
		answer := v.post(as, "/mingzhang.api.v1."+name, fmt.Sprintf(`{"commandId":%q,"collectiveId":"lmb",%s}`, id(), fields))
		if _, got := answer.refusal(); ledger.Reason(got) != want {
			t.Errorf("%s %s: %s, want %s", name, fields, answer.body, want)
		}
	}
	declare := func(run, pool, more string) {
		t.Helper()
		command("treasurer", "BooksService/RequestDividend", fmt.Sprintf(`"runId":%q,"fund":"dividend","pool":%q,"recordDate":"2021-09-10","resolutionId":"dividend",%s`, run, pool, more))
	}
	v.must("treasurer", income("1000.00"))
	v.resolve("rule-2", apiv1.Matter_MATTER_SPENDING_RULE)
	v.must("approver", &apiv1.AdoptSpendingRuleRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "rule-2", Tiers: []*apiv1.Tier{{Operation: apiv1.Operation_OPERATION_DIVIDEND}}})
	v.resolve("shares", apiv1.Matter_MATTER_CHARTER)
	command("treasurer", "RegistryService/EnrolMembers", `"group":"group-1","joinedOn":"2021-07-01","members":[1,2,3],"households":[1,1,2]`)
	command("treasurer", "RegistryService/SetShares", `"effectiveOn":"2021-07-01","members":[1,2],"shares":["3","4"],"resolutionId":"shares"`)
	v.must("approver", &apiv1.RecordResolutionRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "dividend", Title: "分红", Body: "heads", DecidedOn: "2021-07-01",
		Electorate: 60, Present: 50, VotesFor: 40, MinutesSha256: strings.Repeat("cd", 32), Matter: apiv1.Matter_MATTER_DIVIDEND, Fund: "dividend", Authority: "700.00"})
	v.must("supervisor", &apiv1.ConfirmResolutionRequest{CommandId: id(), CollectiveId: "lmb", ResolutionId: "dividend"})

	declare("run-1", "100.00", `"basis":"DIVIDEND_BASIS_SHARE"`)
	command("approver", "GovernanceService/DeclareDividend", `"requestNumber":1,"occurredOn":"2021-09-10"`)
	refused("approver", "GovernanceService/HoldPayee", `"payee":2,"kind":"HOLD_KIND_BLACKLIST","resolutionId":"shares"`, ledger.HoldNotAllowed)
	if got := command("supervisor", "GovernanceService/HoldPayee", `"payee":2,"kind":"HOLD_KIND_COURT","until":"2021-12-31","reason":"法院协助执行"`); !strings.Contains(got, `"hold":1`) {
		t.Errorf("the receipt of a hold: %s", got)
	}
	refused("treasurer", "BooksService/SendDividendFile", `"runId":"run-1","moneyAccount":"bank","payees":[1,2]`, ledger.PayeesHeld)
	command("treasurer", "BooksService/SendDividendFile", `"runId":"run-1","moneyAccount":"bank"`)
	command("treasurer", "BooksService/RecordDividendResults", `"runId":"run-1","file":1,"occurredOn":"2021-09-12"`)
	command("treasurer", "BooksService/RecordReturnedDividend", `"runId":"run-1","payees":[1],"occurredOn":"2021-09-13","moneyAccount":"bank"`)
	command("treasurer", "RegistryService/SetShares", `"effectiveOn":"2021-07-01","members":[3],"shares":["2"],"resolutionId":"shares"`)
	declare("run-2", "28.56", `"supplements":"run-1","only":[3]`)
	command("approver", "GovernanceService/DeclareDividend", `"requestNumber":2,"occurredOn":"2021-09-14"`)
	command("treasurer", "RegistryService/DepartMembers", `"leftOn":"2021-09-20","members":[3]`)

	read := func(name, fields, want string) {
		t.Helper()
		answer := treasurer(name, `{"collectiveId":"lmb"`+fields+`}`)
		answer.body = strings.NewReplacer(", ", ",", ": ", ":").Replace(answer.body) // protobuf JSON is spaced at random
		if answer.status != 200 || !strings.Contains(answer.body, want) {
			t.Errorf("%s%s: %s, want %s", name, fields, answer.body, want)
		}
	}
	read("AuditService/ListEntitlements", `,"runId":"run-1"`, `[{"payee":1,"amount":"42.84","state":"returned","shares":"3"},{"payee":2,"amount":"57.12","state":"held","hold":1,"shares":"4"}]`)
	read("AuditService/ListHolds", "", `"holds":[{"number":1,"payee":2,"kind":"HOLD_KIND_COURT","benefit":"BENEFIT_ALL","until":"2021-12-31","reason":"法院协助执行","state":"active","heldBy":"supervisor"`)
	read("AuditService/ListShares", "", `"shares":[{"member":1,"shares":"3","since":"2021-07-01"},{"member":2,"shares":"4","since":"2021-07-01"}]`)
	read("AuditService/ListShares", `,"asOf":"2021-09-19"`, `{"member":3,"shares":"2","since":"2021-07-01"}]`)
	read("AuditService/ListDividends", "", `"returns":[{"voucher":"收2021-2","occurredOn":"2021-09-13","moneyAccount":"bank","amount":"42.84","payees":[1]}]`)
	read("AuditService/ListDividends", "", `"shares":"2","supplements":"run-1"`)
	read("DisclosureService/GetCollective", "", `"holds":1,"shares":"7"`)
	if body := v.post("", "/mingzhang.api.v1.DisclosureService/GetCollective", `{"collectiveId":"lmb"}`).body; strings.Contains(body, "payee") || !strings.Contains(body, `"holds":1`) {
		t.Errorf("the public sees %s", body)
	}
	command("treasurer", "RegistryService/ReadmitMembers", `"members":[3]`)
	read("DisclosureService/GetCollective", "", `"holds":1,"shares":"9"`)
	if got := command("approver", "GovernanceService/ReleaseHold", `"hold":1`); !strings.Contains(got, `"hold":1`) {
		t.Errorf("the receipt of a release: %s", got)
	}
	read("AuditService/ListHolds", "", `"state":"released"`)
	read("AuditService/ListEntitlements", `,"runId":"run-1"`, `{"payee":2,"amount":"57.12","state":"owed","shares":"4"}`)
	// A hold ends by the server's clock.
	command("approver", "GovernanceService/HoldPayee", `"payee":2,"kind":"HOLD_KIND_ESTATE","until":"2021-09-30"`)
	read("AuditService/ListHolds", "", `"heldBy":"approver"`)
	v.now = v.now.Add(24 * time.Hour)
	read("AuditService/ListHolds", "", `"state":"expired"`)
	command("treasurer", "BooksService/SendDividendFile", `"runId":"run-1","moneyAccount":"bank","payees":[2]`)
}
