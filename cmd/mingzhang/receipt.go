package main

import (
	"context"
	"fmt"

	"connectrpc.com/connect/v2"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/rpc"
)

// asksProof asks for a proof in every receipt, where --receipt-file names a file for it.
func (s *session) asksProof() connect.ClientInterceptor {
	return func(next connect.ClientFunc) connect.ClientFunc {
		return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			if s.receipt == "" {
				return next(ctx, spec)
			}
			info, ok := connect.CallInfoForClientContext(ctx)
			if !ok {
				ctx, info = connect.NewClientContext(ctx)
			}
			info.RequestHeader().Set(rpc.ReceiptHeader, rpc.ReceiptProof)
			return next(rpc.WithProof(ctx), spec)
		}
	}
}

// keepReceipt writes the proof of a receipt into the file of --receipt-file. The command is done in any case: what keeps the proof is said,
// with the id to ask for it again.
func (s *session) keepReceipt(r *apiv1.Receipt) error {
	switch {
	case s.receipt == "":
		return nil
	case r.Proof == "" && r.ProofMissing == "signer_away":
		return failed(exitStorage, "已办理(第 %[1]d 笔),但签名进程不在,现在给不出回执;等它回来,用 --command-id %[2]s 重做同一命令,不会重复记账,会补上回执。",
			"It is done (version %[1]d), but the signer is away and there is no receipt now: when it is back, give the same command with --command-id %[2]s, nothing is booked twice and the receipt is made.",
			r.Version, r.CommandId)
	case r.Proof == "":
		return failed(exitStorage, "已办理(第 %[1]d 笔),但现在给不出回执(%[2]s);以后用 --command-id %[3]s 重做同一命令,不会重复记账,会补上回执。",
			"It is done (version %[1]d), but there is no receipt now (%[2]s): give the same command with --command-id %[3]s later, nothing is booked twice and the receipt is made.",
			r.Version, r.ProofMissing, r.CommandId)
	}
	if err := writeNew(s.receipt, r.Proof); err != nil {
		return failed(exitStorage, "已办理(第 %[1]d 笔),但回执写不进 %[2]s(%[4]v);用 --command-id %[3]s 重做同一命令可再得到它。",
			"It is done (version %[1]d), but the receipt cannot be written to %[2]s (%[4]v): give the same command with --command-id %[3]s to get it again.",
			r.Version, s.receipt, r.CommandId, err)
	}
	fmt.Fprintf(s.stderr, s.lang.text("回执在 %s。\n", "The receipt is %s.\n"), s.receipt)
	return nil
}
