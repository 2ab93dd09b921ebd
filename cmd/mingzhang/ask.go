package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/internal/signednote"
	"github.com/mingzhang-ledger/mingzhang/transparency"
	"github.com/mingzhang-ledger/mingzhang/witness"
)

// This file is the way between witnesses and a server: what is to be signed comes from the server, and what was signed goes there.

// one is the collective of --collective; it has to be given, for a witness signs for one.
func (s *session) one() (string, error) {
	if s.collective == "" {
		return "", failed(exitUsage, "请用 --collective 指明集体。", "Say with --collective which collective it is.")
	}
	return s.collective, nil
}

// fromServer takes a closed month of a server with the proof from what this witness remembers. The server is believed nothing.
func (c *cosigning) fromServer(ctx context.Context) (o *offer, err error) {
	id, err := c.session.one()
	if err != nil {
		return nil, err
	}
	err = c.session.with(func(server *client) error {
		answer, err := server.disclosure.GetSeal(ctx, &apiv1.GetSealRequest{CollectiveId: id, Month: c.month})
		if err != nil {
			return err
		}
		first, err := transparency.ParseConsistency([]byte(answer.Request))
		if err != nil {
			return badProof(c.session.server, err)
		}
		if o, err = c.bareOr(first, func(old uint64) (string, error) {
			next, err := server.disclosure.GetSeal(ctx, &apiv1.GetSealRequest{CollectiveId: id, Size: first.Head.Size, OldSize: old})
			return next.GetRequest(), err
		}); err != nil {
			return err
		}
		o.seal = answer.Seal
		return nil
	})
	return o, err
}

// bareOr offers a head without a proof where none is needed, else with the one from what is remembered.
func (c *cosigning) bareOr(first transparency.Consistency, prove func(old uint64) (string, error)) (*offer, error) {
	old, err := c.remembered(first.Head.Origin)
	if err != nil {
		return nil, err
	}
	if old.Size == 0 || old.Size >= first.Head.Size {
		return c.bare(first.Head, first.Note)
	}
	request, err := prove(old.Size)
	if err != nil {
		return nil, err
	}
	p, err := transparency.ParseConsistency([]byte(request))
	if err != nil {
		return nil, badProof(c.session.server, err)
	}
	return &offer{head: p.Head, old: old, request: []byte(request)}, nil
}

// submit hands a signature to the server. It is remembered already: if the server is not reached, cosign signs the same head again.
func (c *cosigning) submit(ctx context.Context, o *offer, line signednote.Signature) error {
	if err := c.print(o, line); err != nil {
		return err
	}
	return c.session.with(func(server *client) error { return server.submit(ctx, o.head, line) })
}

// submit stores signatures of a head and says how far the month is sealed then.
func (c *client) submit(ctx context.Context, head transparency.Head, lines ...signednote.Signature) error {
	id, err := c.theCollective(ctx)
	if err != nil {
		return err
	}
	note := signednote.Note{Text: head.Text(), Signatures: lines}
	answer, err := c.disclosure.SubmitCosignature(ctx, &apiv1.SubmitCosignatureRequest{CollectiveId: id, Note: string(note.Bytes())})
	if err != nil {
		return err
	}
	s := c.session
	say := func(zh, en string, args ...any) { fmt.Fprintf(s.stderr, s.lang.text(zh, en)+"\n", args...) }
	if answer.Added == 0 {
		say("这个月以前已收到这位见证人的签名,不再计数。", "This witness's signature of the month was there already and is not counted again.")
	}
	for _, g := range answer.Seal.Groups {
		say("%s:%s。", "%s: %s.", answer.Seal.Month, entryWords(g, s.lang))
	}
	if answer.Seal.Sealed {
		say("%s 已盖五瓣章。", "The month %s is sealed.", answer.Seal.Month)
	} else {
		say("%s 还没有盖章。", "The month %s is not sealed yet.", answer.Seal.Month)
	}
	return nil
}

func (s *session) witnessAskCmd() *cobra.Command {
	var name, month string
	cmd := &cobra.Command{
		Use:   "ask URL",
		Short: s.lang.text("请邻居的见证人为结账的月份签名,收好他的签名", "ask a neighbour's witness to sign a closed month, and store the signature"),
		Long: s.lang.text(`URL 是邻居的 mingzhang witness serve(或别的 C2SP tlog-witness)的地址;他须先用 witness add-log 认得这本账簿。
--witness 是他在见证章程里的名称。他的签名先核对,再存到服务器(--server)或数据目录(--data)。`,
			`URL is that of a neighbour's mingzhang witness serve, or of any C2SP tlog-witness, which has to watch this log (witness add-log).
--witness is the neighbour's name in the witness policy. The signature is verified, then stored on the server (--server) or in the data directory (--data).`),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.with(func(c *client) error { return c.ask(cmd.Context(), args[0], name, month) })
		},
	}
	cmd.Flags().StringVar(&name, "witness", "", s.lang.text("见证章程里的名称", "name in the witness policy"))
	cmd.Flags().StringVar(&month, "month", "", s.lang.text("月份 YYYY-MM(默认:最后结账的)", "month, YYYY-MM (default: the one closed last)"))
	return cmd
}

func (c *client) ask(ctx context.Context, url, name, month string) error {
	id, err := c.theCollective(ctx)
	if err != nil {
		return err
	}
	key, err := c.witnessKey(ctx, id, name)
	if err != nil {
		return err
	}
	head, closed, err := c.endOf(ctx, id, month)
	if err != nil {
		return err
	}
	signed, err := witness.Client{}.Ask(ctx, url, key, 0, func(ctx context.Context, old uint64) ([]byte, error) {
		next, err := c.disclosure.GetSeal(ctx, &apiv1.GetSealRequest{CollectiveId: id, Size: head.Size, OldSize: old})
		return []byte(next.GetRequest()), err
	})
	if err != nil {
		return notAsked(name, err)
	}
	fmt.Fprintf(c.session.stderr, c.session.lang.text("%s 签了 %s(%d 笔)。\n", "%s has signed %s (%d events).\n"), name, closed, head.Size)
	return c.submit(ctx, head, signed.Line(key))
}

// witnessKey finds the key of a witness in the policies that can still judge a month.
func (c *client) witnessKey(ctx context.Context, id, name string) (signednote.Verifier, error) {
	answer, err := c.disclosure.GetWitnessPolicy(ctx, &apiv1.GetWitnessPolicyRequest{CollectiveId: id})
	if err != nil {
		return signednote.Verifier{}, err
	}
	var names []string
	for i := len(answer.Policies) - 1; i >= 0; i-- {
		for _, g := range answer.Policies[i].Groups {
			for _, w := range g.Witnesses {
				if w.Name == name {
					return signednote.ParseVerifier(w.Key)
				}
				names = append(names, w.Name)
			}
		}
	}
	return signednote.Verifier{}, failed(exitUsage, "请用 --witness 给出见证章程里的名称:%s。", "Name with --witness one of the witness policy: %s.", strings.Join(names, " "))
}

// notAsked puts into words why a witness on the network has not signed.
func notAsked(name string, err error) error {
	var refused *witness.RefusedError
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
		return failed(exitRefused, "%[1]s 还不认识这本账簿:请把公钥(mingzhang get-head 的 verifierKey)交给他,用 mingzhang witness add-log。", "%[1]s does not watch this log yet: give them its public key (verifierKey of mingzhang get-head) for mingzhang witness add-log.", name)
	case errors.As(err, &refused) && refused.Status == http.StatusConflict:
		return failed(exitRefused, "%s 已经签到第 %d 笔,不往回签。", "%s has signed %d events already and never signs backwards.", name, refused.Size)
	case errors.As(err, &refused):
		return failed(exitRefused, "%s 没有签(%v):请与他核对,账簿是不是被退回或改写过。", "%s has not signed (%v): compare with them whether the log was put back or rewritten.", name, err)
	case errors.Is(err, witness.ErrAnswer):
		return failed(exitVerified, "那个地址答的不是 %s(%v)。", "What answers there is not %s (%v).", name, err)
	case errors.Is(err, signednote.ErrForm):
		return err
	}
	return failed(exitStorage, "连不上 %s(%v)。", "%s cannot be reached (%v).", name, err)
}

func (s *session) witnessSubmitCmd() *cobra.Command {
	var month string
	cmd := &cobra.Command{
		Use:   "submit FILE...",
		Short: s.lang.text("收下见证人交来的签名行", "take the signature lines that witnesses handed in"),
		Long: s.lang.text(`FILE 是 witness cosign -o 写的文件,- 为标准输入;可以一次给几位见证人的。签名核对以后存到服务器(--server)或数据目录(--data)。
签名自己证明自己,不要密钥。`,
			`FILE was written by witness cosign -o, or - is standard input; the lines of several witnesses may be given at once. They are verified, then
stored on the server (--server) or in the data directory (--data). A signature proves itself: no key is needed.`),
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var lines []signednote.Signature
			for _, name := range args {
				text, err := s.readBytes(name)
				if err != nil {
					return err
				}
				more, err := signednote.ParseSignatures(append(bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))), '\n')) // as it comes by mail
				if err != nil {
					return failed(exitUsage, "%s 不是 witness cosign 写的签名行(%v)。", "%s has no signature lines as witness cosign writes them (%v).", name, err)
				}
				lines = append(lines, more...)
			}
			return s.with(func(c *client) error { return c.submitLines(cmd.Context(), month, lines) })
		},
	}
	cmd.Flags().StringVar(&month, "month", "", s.lang.text("签的是哪个月 YYYY-MM(默认:最后结账的)", "month that was signed, YYYY-MM (default: the one closed last)"))
	return cmd
}

// submitLines stores signatures of the end of a month.
func (c *client) submitLines(ctx context.Context, month string, lines []signednote.Signature) error {
	id, err := c.theCollective(ctx)
	if err != nil {
		return err
	}
	head, _, err := c.endOf(ctx, id, month)
	if err != nil {
		return err
	}
	return c.submit(ctx, head, lines...)
}

// endOf is the head of a closed month, of the one closed last when it is empty, and that month.
func (c *client) endOf(ctx context.Context, id, month string) (head transparency.Head, closed string, err error) {
	seal, err := c.disclosure.GetSeal(ctx, &apiv1.GetSealRequest{CollectiveId: id, Month: month})
	if err != nil {
		return transparency.Head{}, "", err
	}
	head, err = transparency.ReadHead([]byte(seal.Note))
	return head, seal.Seal.GetMonth(), err
}
