package main

import (
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mingzhang-ledger/mingzhang/access"
)

// Settings of signing in that the environment may have instead of flags.
const (
	envOrigin       = "MINGZHANG_ORIGIN"
	envOIDCIssuer   = "MINGZHANG_OIDC_ISSUER"
	envOIDCClient   = "MINGZHANG_OIDC_CLIENT"
	envOIDCSecret   = "MINGZHANG_OIDC_SECRET_FILE"
	envOIDCName     = "MINGZHANG_OIDC_NAME"
	clientSecretMax = 1000 // bytes
)

// signIn is how people sign in to a server.
type signIn struct {
	origin                       string // of the pages as browsers see it; empty: http://localhost:PORT where only this machine is listened to
	issuer, client, secret, name string // of the identity service; secret is a file
}

func (o *signIn) flags(cmd *cobra.Command, l language) {
	f := cmd.Flags()
	f.StringVar(&o.origin, "origin", os.Getenv(envOrigin), l.text("浏览器里看到的网址,如 https://ledger.example;通行密钥和邀请链接要用("+envOrigin+",默认:只监听本机时为 http://localhost:端口)",
		"address of the pages as browsers see it, e.g. https://ledger.example, for passkeys and links of invitations ("+envOrigin+"; default: http://localhost:PORT where only this machine is listened to)"))
	f.StringVar(&o.issuer, "oidc-issuer", os.Getenv(envOIDCIssuer), l.text("统一身份认证服务的网址(OpenID Connect,"+envOIDCIssuer+")", "issuer of the identity service people may sign in by, OpenID Connect ("+envOIDCIssuer+")"))
	f.StringVar(&o.client, "oidc-client", os.Getenv(envOIDCClient), l.text("在该服务登记的客户端编号("+envOIDCClient+")", "client id there ("+envOIDCClient+")"))
	f.StringVar(&o.secret, "oidc-secret-file", os.Getenv(envOIDCSecret), l.text("存有客户端密钥的文件("+envOIDCSecret+",默认:没有密钥)", "file with the client secret ("+envOIDCSecret+"; default: none)"))
	f.StringVar(&o.name, "oidc-name", os.Getenv(envOIDCName), l.text("登录页上怎样称呼它("+envOIDCName+",默认:其网址)", "what the page of signing in calls it ("+envOIDCName+"; default: the issuer)"))
}

// options is what the flags say, for a server that listens on an address.
func (o *signIn) options(listen string, logger *slog.Logger) (access.DoorOptions, error) {
	d := access.DoorOptions{Origin: strings.TrimSuffix(o.origin, "/"), Clock: clock, Logger: logger}
	if d.Origin == "" {
		d.Origin = localOrigin(listen)
	}
	if o.issuer == "" && o.client == "" {
		return d, nil
	}
	service := access.IdentityService{Name: o.name, Issuer: o.issuer, ClientID: o.client}
	if o.secret != "" {
		if err := private(o.secret); err != nil {
			return d, err
		}
		text, err := os.ReadFile(o.secret)
		if err != nil {
			return d, cannotOpen(o.secret, err)
		}
		service.ClientSecret = strings.TrimSpace(string(text[:min(len(text), clientSecretMax)]))
	}
	d.Identities = &service
	return d, nil
}

// localOrigin is the origin of pages that only this machine reaches; empty for other addresses, and where the port is not known before.
func localOrigin(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "" || port == "0" {
		return ""
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return ""
	}
	return "http://localhost:" + port
}
