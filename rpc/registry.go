package rpc

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/access"
	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// registryService implements RegistryService: collectives, members, money accounts, operators and their roles.
type registryService struct{ *Server }

func (s registryService) FoundCollective(ctx context.Context, r *apiv1.FoundCollectiveRequest) (*apiv1.FoundCollectiveResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.FoundCollectiveResponse{Receipt: receipt}, err
}

func (s registryService) GrantRole(ctx context.Context, r *apiv1.GrantRoleRequest) (*apiv1.GrantRoleResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.GrantRoleResponse{Receipt: receipt}, err
}

func (s registryService) RevokeRole(ctx context.Context, r *apiv1.RevokeRoleRequest) (*apiv1.RevokeRoleResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.RevokeRoleResponse{Receipt: receipt}, err
}

func (s registryService) OpenMoneyAccount(ctx context.Context, r *apiv1.OpenMoneyAccountRequest) (*apiv1.OpenMoneyAccountResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.OpenMoneyAccountResponse{Receipt: receipt}, err
}

func (s registryService) EnrolMembers(ctx context.Context, r *apiv1.EnrolMembersRequest) (*apiv1.EnrolMembersResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.EnrolMembersResponse{Receipt: receipt}, err
}

func (s registryService) DepartMembers(ctx context.Context, r *apiv1.DepartMembersRequest) (*apiv1.DepartMembersResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.DepartMembersResponse{Receipt: receipt}, err
}

func (s registryService) CreateOperator(ctx context.Context, r *apiv1.CreateOperatorRequest) (*apiv1.CreateOperatorResponse, error) {
	meta, err := accessMeta(ctx, r.CommandId)
	if err != nil {
		return nil, err
	}
	key, err := s.config.Access.CreateOperator(ctx, access.CreateOperator{
		Operator: r.Operator, DisplayName: r.DisplayName, Admin: r.Admin, IssueKey: r.IssueKey,
	}, meta)
	return &apiv1.CreateOperatorResponse{Operator: r.Operator, Key: key}, err
}

func (s registryService) IssueKey(ctx context.Context, r *apiv1.IssueKeyRequest) (*apiv1.IssueKeyResponse, error) {
	meta, err := accessMeta(ctx, r.CommandId)
	if err != nil {
		return nil, err
	}
	var expires time.Time
	if r.ExpiresAt != "" {
		if expires, err = parseInstant("expires_at", r.ExpiresAt); err != nil {
			return nil, err
		}
	}
	id, key, err := s.config.Access.IssueKey(ctx, access.IssueKey{Operator: r.Operator, Expires: expires.UTC()}, meta)
	return &apiv1.IssueKeyResponse{KeyId: id, Key: key}, err
}

func (s registryService) RevokeKey(ctx context.Context, r *apiv1.RevokeKeyRequest) (*apiv1.RevokeKeyResponse, error) {
	meta, err := accessMeta(ctx, r.CommandId)
	if err != nil {
		return nil, err
	}
	return &apiv1.RevokeKeyResponse{KeyId: r.KeyId}, s.config.Access.RevokeKey(ctx, access.RevokeKey{KeyID: clip(r.KeyId)}, meta)
}

func (s registryService) ListOperators(ctx context.Context, _ *apiv1.ListOperatorsRequest) (*apiv1.ListOperatorsResponse, error) {
	operators, err := s.config.Access.Operators(ctx)
	if err != nil {
		return nil, err
	}
	answer := new(apiv1.ListOperatorsResponse)
	for _, o := range operators {
		answer.Operators = append(answer.Operators, operatorOf(o))
	}
	return answer, nil
}

func accessMeta(ctx context.Context, commandID string) (access.Meta, error) {
	id, err := parseCommandID(commandID)
	return access.Meta{ID: id, Actor: callerOf(ctx).operator.ID}, err
}

func parseCommandID(s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil || id == uuid.Nil {
		return uuid.Nil, refuse(ledger.FieldInvalid, "command_id", "problem", "it is not a UUID", problemChinese, "不是 UUID")
	}
	return id, nil
}

func (s registryService) SetShares(ctx context.Context, r *apiv1.SetSharesRequest) (*apiv1.SetSharesResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.SetSharesResponse{Receipt: receipt}, err
}

func (s registryService) ReadmitMembers(ctx context.Context, r *apiv1.ReadmitMembersRequest) (*apiv1.ReadmitMembersResponse, error) {
	receipt, err := s.give(ctx, r)
	return &apiv1.ReadmitMembersResponse{Receipt: receipt}, err
}
