package rpc

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/mingzhang-ledger/mingzhang/ledger"
	"github.com/mingzhang-ledger/mingzhang/projections"
)

// A page token is base64url of: a seal, the version the first page was read at (8 bytes, big endian), and where to go on, in
// words of the list it belongs to. The seal is the first 8 bytes of the SHA-256 of the request without token and page size and
// of all that follows the seal: a token of another query, of another method, or with a letter changed is refused. Every page of
// a list is read at the version of the first, so that nothing moves between pages, whatever is booked meanwhile and whichever
// process answers. A token is no secret and no permission: one made up by hand reads what its maker may read anyway.

// position is where a page begins.
type position struct {
	version uint64 // of the first page; 0 on the first page
	after   string // empty on the first page
}

// pagedRequest is what the request of every list has.
type pagedRequest interface {
	proto.Message
	GetPageToken() string
	GetPageSize() uint32
}

// tokenHead is the length of what stands before the words in a token.
const tokenHead = 8 + 8

// pageOf reads the page token of a request, which must be one of the same query.
func pageOf(r pagedRequest) (position, error) {
	if r.GetPageToken() == "" {
		return position{}, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(r.GetPageToken())
	if err != nil || len(b) < tokenHead || string(b[:8]) != string(seal(r, b[8:])) {
		return position{}, refuse(pageTokenInvalid, "page_token")
	}
	return position{binary.BigEndian.Uint64(b[8:]), string(b[tokenHead:])}, nil
}

// nextToken makes the token of the page that goes on after a place; none at the end, where that is empty.
func nextToken(r pagedRequest, version uint64, after string) string {
	if after == "" {
		return ""
	}
	place := append(binary.BigEndian.AppendUint64(nil, version), after...)
	return base64.RawURLEncoding.EncodeToString(append(seal(r, place), place...))
}

// seal binds a place to its query: method and every field but the token and the page size.
func seal(r pagedRequest, place []byte) []byte {
	query := proto.Clone(r).ProtoReflect()
	fields := query.Descriptor().Fields()
	query.Clear(fields.ByName("page_token"))
	query.Clear(fields.ByName("page_size"))
	content, _ := proto.MarshalOptions{Deterministic: true}.Marshal(query.Interface()) // a message that was read can be written
	head := fmt.Appendf(nil, "%s\n%d\n", query.Descriptor().FullName(), len(content))
	hash := sha256.Sum256(slices.Concat(head, content, place))
	return hash[:8]
}

// numbered says whether a place is a number, as the lists of registers write it, and gives it.
func numbered(after string) (n int, err error) {
	if after == "" {
		return 0, nil
	}
	if len(after) > 9 || strings.Trim(after, "0123456789") != "" {
		return 0, refuse(pageTokenInvalid, "page_token")
	}
	for _, c := range after {
		n = n*10 + int(c-'0')
	}
	return n, nil
}

// pageSizeDefault is the length of a page that names none.
const pageSizeDefault = 50

// pageLimit is how many items a page may have; the schema bounds it.
func pageLimit(r pagedRequest) int {
	return cmp.Or(int(r.GetPageSize()), pageSizeDefault)
}

// pagedRead is the request of a list of a collective.
type pagedRead interface {
	readRequest
	pagedRequest
}

// place opens a page of a list: the books to read, at the version its first page was read at, and where to go on.
func (s *Server) place(ctx context.Context, r pagedRead) (at reading, after string, err error) {
	from, err := pageOf(r)
	if err != nil {
		return reading{}, "", err
	}
	at, err = s.readAt(ctx, r, from.version)
	return at, from.after, err
}

// page is place for a register, whose places are numbers.
func (s *Server) page(ctx context.Context, r pagedRead) (at reading, after int, err error) {
	at, from, err := s.place(ctx, r)
	if err != nil {
		return reading{}, 0, err
	}
	after, err = numbered(from)
	return at, after, err
}

// pageOn is page for a register that depends on a day: as_of, else the collective's today.
func (s *Server) pageOn(ctx context.Context, r pagedRead) (at reading, on ledger.Day, after int, err error) {
	if at, after, err = s.page(ctx, r); err != nil {
		return reading{}, 0, 0, err
	}
	return at, cmp.Or(at.moment.AsOf, s.today(at)), after, nil
}

// nextNumber is the token of the page after a place in a register; 0 is its end.
func nextNumber(r pagedRequest, at reading, next int) string {
	if next == 0 {
		return ""
	}
	return nextToken(r, at.version, strconv.Itoa(next))
}

// voucherList is the request of a list of vouchers.
type voucherList interface {
	pagedRead
	GetFrom() string
	GetTo() string
}

// emptyPagesMax bounds how often a list goes on by itself where a page of the books has nothing that passes the filter.
const emptyPagesMax = 20

// vouchers reads a page of the journal, within the request's days.
func (s *Server) vouchers(ctx context.Context, r voucherList, filter projections.VoucherFilter) ([]projections.Voucher, string, reading, error) {
	span, err := period(r.GetFrom(), r.GetTo())
	if err != nil {
		return nil, "", reading{}, err
	}
	filter.From, filter.To = span.From, span.To
	return pageOfVouchers(ctx, s, r, filter, (*projections.Book).Vouchers)
}

// pageOfVouchers reads a page of the journal by one of the book's ways to do so.
func pageOfVouchers[T any](ctx context.Context, s *Server, r pagedRead, filter projections.VoucherFilter,
	read func(*projections.Book, projections.VoucherFilter, projections.Cursor, int, projections.Moment) ([]T, projections.Cursor)) ([]T, string, reading, error) {
	from, err := pageOf(r)
	if err != nil {
		return nil, "", reading{}, err
	}
	var after projections.Cursor
	if from.after != "" {
		if after, err = projections.ParseCursor(from.after); err != nil {
			return nil, "", reading{}, refuse(pageTokenInvalid, "page_token")
		}
	}
	at, err := s.readAt(ctx, r, from.version)
	if err != nil {
		return nil, "", reading{}, err
	}
	vouchers, next := read(at.book, filter, after, pageLimit(r), at.moment)
	for range emptyPagesMax {
		if len(vouchers) > 0 || next == (projections.Cursor{}) || ctx.Err() != nil {
			break
		}
		vouchers, next = read(at.book, filter, next, pageLimit(r), at.moment)
	}
	return vouchers, nextToken(r, at.version, next.String()), at, nil
}
