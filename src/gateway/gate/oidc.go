package gate

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// How long what a provider says of itself is believed, how long it may take to answer, and how soon it is
// asked again after it has not.
const (
	discoveryAge   = time.Hour
	providerAnswer = 10 * time.Second
	discoveryRetry = 3 * time.Second
)

// OIDC is single sign-on: who logs in at the provider needs no password here.
type OIDC struct {
	Issuer   string `json:"issuer"`
	ClientID string `json:"clientId"`
	// Empty: a public client, which PKCE alone protects.
	ClientSecretFile string   `json:"clientSecretFile,omitempty"`
	Scopes           []string `json:"scopes"`
	// What people are told the provider is.
	Label string `json:"label"`
	// Claims that say who somebody is, and of which groups.
	UserClaim   string `json:"userClaim"`
	GroupsClaim string `json:"groupsClaim"`
	// The provider vouches for e-mail addresses although it does not say email_verified.
	TrustEmails bool   `json:"trustEmails,omitempty"`
	Allowed     People `json:"allowed"`
	Admins      People `json:"admins"`
	// Where the provider sends people back to: https://core.lab.example.com/.datalab/sso/callback.
	Callback string `json:"callback"`
	// Certificates, in PEM, of the authority that signed the provider's; empty: a public one.
	CA string `json:"ca,omitempty"`

	secret      string
	home        *url.URL // the callback's origin
	client      *http.Client
	fingerprint [sha256.Size]byte

	mutex    sync.Mutex
	provider *provider
	failed   error
	failedAt time.Time
}

// provider is what discovery has found.
type provider struct {
	*oidc.Provider
	endSession string
	style      oauth2.AuthStyle
	found      time.Time
}

func (o *OIDC) provision() error {
	issuer, err := url.Parse(o.Issuer)
	if err != nil || issuer.Host == "" || (issuer.Scheme != "https" && !isLoopback(issuer)) {
		return fmt.Errorf("oidc: issuer %q is not a URL that begins with https://", o.Issuer)
	}
	callback, err := url.Parse(o.Callback)
	if err != nil || callback.Path != callbackPath || parseOrigin(callback.Scheme+"://"+callback.Host) == nil {
		return fmt.Errorf("oidc: callback %q is not of the form https://host%s", o.Callback, callbackPath)
	}
	o.home = &url.URL{Scheme: callback.Scheme, Host: callback.Host}
	if o.ClientID == "" || o.UserClaim == "" || o.Label == "" || !slices.Contains(o.Scopes, oidc.ScopeOpenID) {
		return errors.New("oidc: clientId, userClaim, label, and openid among the scopes are needed")
	}
	if o.Allowed.nobody() {
		return errors.New("oidc: allowed is empty")
	}
	if o.ClientSecretFile != "" {
		text, err := os.ReadFile(o.ClientSecretFile)
		if err != nil {
			return fmt.Errorf("oidc: the client's secret: %w", err)
		}
		if o.secret = strings.TrimSpace(string(text)); o.secret == "" {
			return errors.New("oidc: the client's secret is empty")
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if o.CA != "" {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM([]byte(o.CA)) {
			return errors.New("oidc: ca holds no certificate in PEM")
		}
		transport.TLSClientConfig.RootCAs = pool
	}
	o.client = &http.Client{Transport: transport, Timeout: providerAnswer}
	// What sessions that it has opened end with.
	text, err := json.Marshal([]any{o.Issuer, o.ClientID, o.UserClaim, o.GroupsClaim, o.TrustEmails, o.Allowed, o.Admins})
	o.fingerprint = sha256.Sum256(text)
	return err
}

func isLoopback(at *url.URL) bool {
	return at.Scheme == "http" && slices.Contains([]string{"127.0.0.1", "localhost", "::1"}, at.Hostname())
}

// discover finds the provider's addresses; at first when somebody logs in, so that the gateway starts without
// it.
func (o *OIDC) discover(ctx context.Context) (*provider, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.provider != nil && time.Since(o.provider.found) < discoveryAge {
		return o.provider, nil
	}
	if o.failed != nil && time.Since(o.failedAt) < discoveryRetry {
		return nil, o.failed
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, o.client), providerAnswer)
	defer cancel()
	found, err := oidc.NewProvider(ctx, o.Issuer)
	if err != nil {
		if o.provider != nil { // what was true an hour ago is better than nothing
			return o.provider, nil
		}
		if ctx.Err() != context.Canceled {
			o.failed, o.failedAt = err, time.Now()
		}
		return nil, err
	}
	var more struct {
		EndSession string   `json:"end_session_endpoint"`
		Methods    []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, err
	}
	o.failed = nil
	o.provider = &provider{Provider: found, endSession: more.EndSession, style: o.authStyle(more.Methods), found: time.Now()}
	return o.provider, nil
}

// authStyle is how the client says who it is. Left to find out, it would try the other way after every
// refusal, with a code that was used already.
func (o *OIDC) authStyle(methods []string) oauth2.AuthStyle {
	basic := len(methods) == 0 || slices.Contains(methods, "client_secret_basic")
	if o.secret != "" && basic {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}

func (o *OIDC) config(p *provider) *oauth2.Config {
	at := p.Endpoint()
	at.AuthStyle = p.style
	return &oauth2.Config{ClientID: o.ClientID, ClientSecret: o.secret, Endpoint: at, RedirectURL: o.Callback, Scopes: o.Scopes}
}

// redeem turns the code into what the provider says of a person: a signed ID token, completed by its
// userinfo.
func (o *OIDC) redeem(ctx context.Context, p *provider, code string, of attempt) (claims, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, o.client), providerAnswer)
	defer cancel()
	token, err := o.config(p).Exchange(ctx, code, oauth2.VerifierOption(of.Verifier))
	if err != nil {
		return nil, err
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return nil, untrusted{errors.New("there is no ID token")}
	}
	id, err := p.VerifierContext(oidc.ClientContext(context.WithoutCancel(ctx), o.client), &oidc.Config{ClientID: o.ClientID}).Verify(ctx, raw)
	if err != nil {
		if strings.Contains(err.Error(), "fetching keys") {
			return nil, err
		}
		return nil, untrusted{err}
	}
	said := claims{}
	if err := id.Claims(&said); err != nil {
		return nil, untrusted{err}
	}
	party, _ := said["azp"].(string)
	switch {
	case !same(id.Nonce, of.Nonce):
		return nil, untrusted{errors.New("the nonce is not the one that was sent")}
	case id.Subject == "":
		return nil, untrusted{errors.New("there is no sub")}
	case (len(id.Audience) > 1 || party != "") && party != o.ClientID:
		return nil, untrusted{fmt.Errorf("it was made for %q", party)}
	case id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil:
		return nil, untrusted{errors.New("the access token belongs to another ID token")}
	}
	if o.complete(said) || p.UserInfoEndpoint() == "" {
		return said, nil
	}
	more, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, err
	}
	if more.Subject != id.Subject {
		return nil, untrusted{errors.New("userinfo is of another user")}
	}
	further := claims{}
	if err := more.Claims(&further); err != nil {
		return nil, untrusted{err}
	}
	for name, value := range further {
		if _, known := said[name]; !known {
			said[name] = value
		}
	}
	return said, nil
}

// complete says whether the ID token has what is asked for; userinfo costs another request.
func (o *OIDC) complete(said claims) bool {
	needed := []string{o.UserClaim}
	if o.Allowed.byEmail() || o.Admins.byEmail() {
		needed = append(needed, "email")
	}
	if len(o.Allowed.Groups)+len(o.Admins.Groups) > 0 {
		needed = append(needed, o.GroupsClaim)
	}
	return !slices.ContainsFunc(needed, func(name string) bool { return said.get(name) == nil })
}

// logoutURL is where the provider ends its own session; empty: it does not.
func (o *OIDC) logoutURL(p *provider, user string) string {
	at, err := url.Parse(p.endSession)
	if err != nil || p.endSession == "" || (at.Scheme != "https" && !isLoopback(at)) {
		return ""
	}
	query := at.Query()
	query.Set("client_id", o.ClientID)
	query.Set("logout_hint", user)
	query.Set("post_logout_redirect_uri", o.home.String()+logoutPath)
	at.RawQuery = query.Encode()
	return at.String()
}

// untrusted is an ID token that does not hold.
type untrusted struct{ error }
