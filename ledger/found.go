package ledger

import (
	"cmp"
	"slices"
	"strconv"
	"time"
	_ "time/tzdata" // zones of old logs must be known wherever they are folded

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about the collective itself: founding, roles, money accounts, funds, members.

// Limits of a charter.
const (
	bodiesMax   = 20
	fundsMax    = 50
	purposesMax = 50
	horizonMax  = 31
	enrolMax    = 4000    // members a call, so that the event stays under 32 KiB
	memberMax   = 4000000 // largest member or household number
)

// Founding: the id is free; the charter names existing bodies; fractions are parts of one; CNY is the currency known.
func (c *FoundCollective) decide(d *decision) error {
	f := c.Charter
	if d.s.charter != nil {
		return refuse(CollectiveExists).with("collective", d.s.charter.CollectiveId).at("collective_id")
	}
	if !ValidCollectiveID(f.CollectiveId) {
		return refuse(CollectiveIDInvalid).with("id", clip(f.CollectiveId)).at("collective_id")
	}
	if err := checkText("name", f.Name, 60); err != nil {
		return err
	}
	zone, err := time.LoadLocation(f.TimeZone)
	switch {
	case f.Name == "":
		return refuse(FieldInvalid).because("it is empty", "不能为空").at("name")
	case f.Currency != "CNY":
		return refuse(FieldInvalid).because("this version knows CNY", "本版本只支持人民币 CNY").at("currency")
	case err != nil || f.TimeZone == "" || f.TimeZone == "Local":
		return refuse(FieldInvalid).because("it is no IANA time zone", "不是有效的时区名称").at("time_zone")
	case !Day(f.FirstDay).Valid():
		return refuse(DateInvalid).with("date", Day(f.FirstDay)).at("first_day")
	case len(f.FoundingMinutesSha256) != 32:
		return refuse(FieldInvalid).because("a SHA-256 has 32 bytes", "SHA-256 应为 32 个字节").at("founding_minutes_sha256")
	case f.HorizonDays > horizonMax:
		return refuse(FieldInvalid).because("at most "+strconv.Itoa(horizonMax)+" days", "最多 "+strconv.Itoa(horizonMax)+" 天").at("horizon_days")
	case !validOrigin(f.LogOrigin):
		return refuse(FieldInvalid).because("1 to 200 printable ASCII characters without space or +", "应为 1 至 200 个可见 ASCII 字符,不含空格和 +").at("log_origin")
	}
	if err := checkBodies(f); err != nil {
		return err
	}
	if err := checkFunds(f.Funds); err != nil {
		return err
	}
	if today := DayOf(time.UnixMicro(d.recorded), zone); Day(f.FirstDay) > today {
		return refuse(DateInFuture).with("date", Day(f.FirstDay)).with("today", today).at("first_day")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_CollectiveFounded{CollectiveFounded: f}})
	return nil
}

func validOrigin(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == '+' {
			return false
		}
	}
	return s != "" && len(s) <= 200
}

func checkBodies(f *eventv1.CollectiveFounded) error {
	if n := len(f.Bodies); n == 0 || n > bodiesMax {
		return refuse(TooMany).with("what", "bodies").with("max", bodiesMax).with("count", n).at("bodies")
	}
	known := map[string]bool{}
	for _, b := range f.Bodies {
		if err := checkBody("bodies", b); err != nil {
			return err
		}
		if known[b.Id] {
			return refuse(RepeatedEntry).with("entry", b.Id).at("bodies")
		}
		known[b.Id] = true
	}
	for _, b := range []struct{ field, id string }{{"policy_body", f.PolicyBody}, {"spending_body", f.SpendingBody}, {"charter_body", f.CharterBody}, {"founding_body", f.FoundingBody}} {
		if !known[b.id] {
			return refuse(BodyUnknown).with("body", clip(b.id)).at(b.field)
		}
	}
	return nil
}

func checkBody(field string, b *eventv1.Body) error {
	if err := cmp.Or(checkSlug(field+".id", b.Id), checkText(field+".name", b.Name, 60)); err != nil {
		return err
	}
	if b.Size == 0 || b.Quorum.GetDenominator() == 0 || b.Pass.GetDenominator() == 0 || b.PassBase == 0 ||
		b.Quorum.Numerator > b.Quorum.Denominator || b.Pass.Numerator > b.Pass.Denominator || b.Quorum.Denominator > denominatorMax || b.Pass.Denominator > denominatorMax {
		return refuse(FieldInvalid).because("size from 1, quorum and pass from 0 to 1, and a base", "人数至少为 1,到会和通过比例在 0 到 1 之间,并写明基数").at(field)
	}
	return nil
}

func checkFunds(funds []*eventv1.Fund) error {
	if n := len(funds); n == 0 || n > fundsMax {
		return refuse(TooMany).with("what", "funds").with("max", fundsMax).with("count", n).at("funds")
	}
	for i, f := range funds {
		if err := checkFund(f); err != nil {
			return err
		}
		if slices.ContainsFunc(funds[:i], func(o *eventv1.Fund) bool { return o.Id == f.Id }) {
			return refuse(RepeatedEntry).with("entry", f.Id).at("funds")
		}
	}
	return nil
}

func checkFund(f *eventv1.Fund) error {
	if err := cmp.Or(checkSlug("fund.id", f.GetId()), checkText("fund.name", f.GetName(), 60)); err != nil {
		return err
	}
	if n := len(f.Purposes); n > purposesMax {
		return refuse(TooMany).with("what", "purposes").with("max", purposesMax).with("count", n).at("fund.purposes")
	}
	for i, p := range f.Purposes {
		if err := checkSlug("fund.purposes", p); err != nil {
			return err
		}
		if slices.Contains(f.Purposes[:i], p) {
			return refuse(RepeatedEntry).with("entry", p).at("fund.purposes")
		}
	}
	return nil
}

// A fund is new, and a resolution of the charter body opens it.
func (c *OpenFund) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if err := checkFund(c.Fund); err != nil {
		return err
	}
	if d.s.funds[c.Fund.Id] != nil {
		return refuse(AlreadyExists).with("id", c.Fund.Id).at("fund.id")
	}
	if n := len(d.s.funds) + 1; n > fundsMax {
		return refuse(TooMany).with("what", "funds").with("max", fundsMax).with("count", n).at("fund")
	}
	if err := d.adopting(c.Resolution, eventv1.Matter_MATTER_CHARTER, d.s.charter.CharterBody); err != nil {
		return err
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_FundOpened{FundOpened: &eventv1.FundOpened{Fund: c.Fund, ResolutionId: c.Resolution}}})
	return nil
}

// exclusive are the duties of which one operator holds at most one in a collective (会计法: duties of recording, approving,
// handling and custody are separated; administrators do not touch money).
var exclusive = []eventv1.Role{treasurer, approver, supervisor, cashier, admin}

// A role is not held yet, and does not conflict with a duty that is.
func (c *GrantRole) decide(d *decision) error {
	if err := cmp.Or(d.founded(), checkSlug("operator", c.Operator)); err != nil {
		return err
	}
	if _, known := eventv1.Role_name[int32(c.Role)]; !known || c.Role == 0 {
		return refuse(FieldInvalid).because("there is no such role", "没有这种角色").at("role")
	}
	for _, held := range d.s.roles[c.Operator] {
		if held == c.Role {
			return refuse(AlreadyDone).with("subject", c.Operator).at("role")
		}
		if slices.Contains(exclusive, held) && slices.Contains(exclusive, c.Role) {
			return refuse(DutiesConflict).with("operator", c.Operator).with("held", RoleName(held)).with("role", RoleName(c.Role)).at("role")
		}
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_RoleGranted{RoleGranted: &eventv1.RoleGranted{Operator: c.Operator, Role: c.Role}}})
	return nil
}

// A role that is held can be taken, but never the last administrator's.
func (c *RevokeRole) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if !slices.Contains(d.s.roles[c.Operator], c.Role) {
		return refuse(RoleNotHeld).with("operator", clip(c.Operator)).with("role", RoleName(c.Role)).at("role")
	}
	if c.Role == admin && c.Operator == d.m.Actor {
		return refuse(FieldInvalid).because("an administrator does not take the role from himself", "管理员不能撤销自己的角色").at("operator")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_RoleRevoked{RoleRevoked: &eventv1.RoleRevoked{Operator: c.Operator, Role: c.Role}}})
	return nil
}

// A money account is new.
func (c *OpenMoneyAccount) decide(d *decision) error {
	if err := cmp.Or(d.founded(), checkSlug("money_account", c.ID), checkText("name", c.Text, 60)); err != nil {
		return err
	}
	if _, known := eventv1.MoneyAccountKind_name[int32(c.Kind)]; !known || c.Kind == 0 {
		return refuse(FieldInvalid).because("there is no such kind", "没有这种类别").at("kind")
	}
	if _, ok := d.s.money[c.ID]; ok {
		return refuse(AlreadyExists).with("id", c.ID).at("money_account")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_MoneyAccountOpened{MoneyAccountOpened: &eventv1.MoneyAccountOpened{Id: c.ID, Kind: c.Kind, Name: c.Text}}})
	return nil
}

// Members are new, each with a household.
func (c *EnrolMembers) decide(d *decision) error {
	if err := cmp.Or(d.founded(), checkSlug("group", c.Group)); err != nil {
		return err
	}
	switch n := len(c.Members); {
	case !c.Joined.Valid():
		return refuse(DateInvalid).with("date", c.Joined).at("joined_on")
	case c.Joined > d.today:
		return refuse(DateInFuture).with("date", c.Joined).with("today", d.today).at("joined_on")
	case n == 0 || n > enrolMax:
		return refuse(TooMany).with("what", "members").with("max", enrolMax).with("count", n).at("members")
	case n != len(c.Households):
		return refuse(FieldInvalid).because("there is one household for each member", "每名成员应有一个户号").at("households")
	}
	seen := make(map[uint32]bool, len(c.Members))
	for i, m := range c.Members {
		if m == 0 || m > memberMax || c.Households[i] == 0 || c.Households[i] > memberMax {
			return refuse(FieldInvalid).because("numbers go from 1 to "+strconv.Itoa(memberMax), "编号应在 1 到 "+strconv.Itoa(memberMax)+" 之间").at("members")
		}
		if _, known := d.s.members[m]; known || seen[m] {
			return refuse(MemberExists).with("member", m).at("members")
		}
		seen[m] = true
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_MembersEnrolled{MembersEnrolled: &eventv1.MembersEnrolled{
		Group: c.Group, JoinedOn: int32(c.Joined), Members: c.Members, Households: c.Households}}})
	return nil
}

// Members are members until the day they leave.
func (c *DepartMembers) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	switch n := len(c.Members); {
	case !c.Left.Valid():
		return refuse(DateInvalid).with("date", c.Left).at("left_on")
	case c.Left > d.today:
		return refuse(DateInFuture).with("date", c.Left).with("today", d.today).at("left_on")
	case n == 0 || n > enrolMax:
		return refuse(TooMany).with("what", "members").with("max", enrolMax).with("count", n).at("members")
	}
	seen := make(map[uint32]bool, len(c.Members))
	for _, number := range c.Members {
		m, known := d.s.members[number]
		if !known || m.left != 0 || c.Left < m.joined || seen[number] {
			return refuse(MemberUnknown).with("member", number).with("day", c.Left).at("members")
		}
		seen[number] = true
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_MembersDeparted{MembersDeparted: &eventv1.MembersDeparted{LeftOn: int32(c.Left), Members: c.Members}}})
	return nil
}
