package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/otelconnect"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// Tracing sends a span for every call over HTTP to a collector, by OTLP over HTTP.
type Tracing struct {
	// Around goes around calls, outermost first: rpc.Config.Around.
	Around   []connect.ServerInterceptor
	provider *sdktrace.TracerProvider
}

// TracingWanted says whether the environment asks for traces, by the variables of OpenTelemetry.
func TracingWanted() bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// NewTracing makes tracing to a collector, by its URL (http://127.0.0.1:4318); empty leaves that to the environment (OTEL_EXPORTER_OTLP_ENDPOINT and the
// rest), as are the sampler, the headers and the time between two sendings. It does not wait for the collector: spans that
// cannot be sent are dropped, which logger is told. A span has the method, the protocol, the time and the outcome; the
// caller's trace is linked, not continued, for anybody may name one.
func NewTracing(ctx context.Context, collector, version string, logger *slog.Logger) (*Tracing, error) {
	var options []otlptracehttp.Option
	if collector != "" {
		endpoint, err := endpointOf(collector)
		if err != nil {
			return nil, err
		}
		options = append(options, otlptracehttp.WithEndpointURL(endpoint))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("send traces to %s: %w", collector, err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "mingzhang"), attribute.String("service.version", version),
	), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("read OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { logger.Warn("traces", "error", err) }))
	t := &Tracing{provider: sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))}
	spans, err := otelconnect.NewServerInterceptor(
		otelconnect.WithTracerProvider(t.provider), otelconnect.WithoutMetrics(),
		otelconnect.WithFilter(func(_ context.Context, spec connect.Spec) bool { return spec.Schema != nil }), // a name that somebody made up is no name of a span
	)
	if err != nil {
		return nil, fmt.Errorf("trace calls: %w", err)
	}
	t.Around = []connect.ServerInterceptor{spans, withReason}
	return t, nil
}

// endpointOf is where a collector takes traces: a URL without a path is that of the collector itself, as in
// OTEL_EXPORTER_OTLP_ENDPOINT.
func endpointOf(collector string) (string, error) {
	u, err := url.Parse(collector)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%q is no http:// or https:// URL", collector)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// withReason adds the reason of a refusal to the span of its call.
func withReason(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		err := next(ctx, spec, stream)
		if refusal := (*ledger.Refusal)(nil); errors.As(err, &refusal) {
			trace.SpanFromContext(ctx).SetAttributes(attribute.String("mingzhang.reason", string(refusal.Reason)))
		}
		return err
	}
}

// Close sends what is left, for as long as the context allows.
func (t *Tracing) Close(ctx context.Context) error {
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}
