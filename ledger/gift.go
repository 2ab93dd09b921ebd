package ledger

import (
	"cmp"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// This file decides about gifts with a purpose of their own (定向捐赠). Their money lies in gift/<id>, apart from every fund, and
// pays for nothing but the agreed purpose; only the donor changes that.

// gift is an agreed gift.
type gift struct{ donor, purpose string }

type (
	// AgreeGift registers what a donor and the collective agreed on.
	AgreeGift struct{ ID, Donor, Purpose, Title string }
	// ChangeGiftPurpose gives a gift another purpose; Consent is the donor's, with its file.
	ChangeGiftPurpose struct {
		ID, Purpose string
		Consent     Document
	}
)

// Name is the method's name, for both commands here.
func (*AgreeGift) Name() string         { return "AgreeGift" }
func (*ChangeGiftPurpose) Name() string { return "ChangeGiftPurpose" }

// A gift's id is new; its donor may stay unnamed.
func (c *AgreeGift) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	if err := cmp.Or(checkSlug("gift_id", c.ID), checkSlug("purpose", c.Purpose), d.checkParty("donor", c.Donor, false), checkText("title", c.Title, 120)); err != nil {
		return err
	}
	if c.Title == "" {
		return refuse(FieldInvalid).because("a gift has a title", "捐赠应有名称").at("title")
	}
	if d.s.gifts[c.ID] != nil {
		return refuse(AlreadyExists).with("id", c.ID).at("gift_id")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_GiftAgreed{GiftAgreed: &eventv1.GiftAgreed{Id: c.ID, Donor: c.Donor, Purpose: c.Purpose, Title: c.Title}}})
	return nil
}

// gift finds an agreed gift.
func (d *decision) gift(id string) (*gift, error) {
	if g := d.s.gifts[id]; g != nil {
		return g, nil
	}
	return nil, refuse(GiftUnknown).with("gift", clip(id)).at("gift_id")
}

// A change needs the donor's consent on paper: issuer, number and the file's digest. Whoever gave without a name cannot
// consent, and so the purpose stays.
func (c *ChangeGiftPurpose) decide(d *decision) error {
	if err := d.founded(); err != nil {
		return err
	}
	g, err := d.gift(c.ID)
	if err != nil {
		return err
	}
	if err := checkSlug("purpose", c.Purpose); err != nil {
		return err
	}
	switch {
	case c.Purpose == g.purpose:
		return refuse(AlreadyDone).with("subject", c.ID).at("purpose")
	case g.donor == "":
		return refuse(FieldInvalid).because("its donor is not named, and nobody else can consent", "捐赠人未署名,没有人可以同意变更").at("gift_id")
	}
	if err := checkPaper(c.Consent); err != nil {
		return err
	}
	if len(c.Consent.SHA256) == 0 {
		return refuse(FieldInvalid).because("the donor's consent needs the SHA-256 of its file", "捐赠人的同意书应附文件的 SHA-256").at("consent.sha256")
	}
	consent := &eventv1.Document{Kind: c.Consent.Kind, Issuer: c.Consent.Issuer, Number: c.Consent.Number, Sha256: c.Consent.SHA256,
		MediaType: c.Consent.MediaType, Size: c.Consent.Size}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_GiftPurposeChanged{GiftPurposeChanged: &eventv1.GiftPurposeChanged{GiftId: c.ID, Purpose: c.Purpose, Consent: consent}}})
	return nil
}

// giftOnly refuses what means nothing where a gift bears an outlay or takes money in: a fund beside it, a resolution (the
// agreement stands in its place), an emergency.
func giftOnly(fund, resolution string, emergency bool) error {
	switch {
	case fund != "":
		return refuse(FieldInvalid).because("name either a fund or a gift", "基金和定向捐赠只能写一项").at("fund")
	case resolution != "":
		return refuse(FieldInvalid).because("the agreement with the donor stands in the place of a resolution", "定向捐赠以捐赠协议代替决议").at("resolution_id")
	case emergency:
		return refuse(FieldInvalid).because("a gift pays for its own purpose only, emergency or not", "定向捐赠只用于约定用途,不作应急支出").at("emergency")
	}
	return nil
}

// givenFor refuses a purpose that is not the gift's.
func (d *decision) givenFor(id, purpose string) error {
	g, err := d.gift(id)
	if err != nil {
		return err
	}
	if purpose != g.purpose {
		return refuse(PurposeNotAllowed).with("fund", string(GiftAccount(id))).with("purpose", clip(purpose)).with("allowed", g.purpose).at("purpose")
	}
	return nil
}
