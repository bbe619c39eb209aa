package gate

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"golang.org/x/net/publicsuffix"
)

// origin is the name and scheme by which a request asked for the port.
type origin struct {
	// What pages of that name say in Origin.
	origins []string
	host    string
	// The browser's side is https: cookies are for it alone.
	secure bool
	// Domain of the session's cookie, so that one login opens the pages of all names below it; empty: this name
	// alone.
	domain string
	// The name that people are told: it is https and nothing else.
	canonical bool
	// It came by http where https is meant.
	downgraded bool
	// By a name of the loopback interface: from this very machine, or from inside the network, so by no proxy.
	local bool
}

// originOf looks at the Host header: a page of another site that has pointed its own name at this address
// (DNS rebinding) gets nothing.
func (g *Guard) originOf(r *http.Request) (origin, bool) {
	host := strings.ToLower(r.Host)
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, ""
	}
	mine := port == strconv.Itoa(g.Port)
	if mine && (name == "127.0.0.1" || name == "localhost" || name == "::1") {
		return origin{origins: []string{"http://" + host, "https://" + host}, host: host, local: true}, true
	}
	proto := g.app.forwardedProto(r)
	if g.public != nil && (host == g.public.Host || (g.public.Port() == "" && host == g.public.Host+":"+defaultPort[g.public.Scheme])) {
		at := origin{origins: []string{g.Origin}, host: g.public.Host, canonical: true, secure: g.public.Scheme == "https"}
		at.downgraded = at.secure && proto == "http"
		if at.secure && strings.HasSuffix(g.public.Hostname(), "."+g.app.domain) {
			at.domain = g.app.domain
		}
		return at, true
	}
	if !g.app.hosts[host] && !(mine && g.app.hosts[name]) {
		return origin{}, false
	}
	if proto != "" {
		return origin{origins: []string{proto + "://" + host}, host: host, secure: proto == "https"}, true
	}
	return origin{origins: []string{"http://" + host, "https://" + host}, host: host}, true
}

var defaultPort = map[string]string{"http": "80", "https": "443"}

func (at origin) isOrigin(origin string) bool {
	return slices.ContainsFunc(at.origins, func(own string) bool { return strings.EqualFold(origin, own) })
}

// sockets is what a page may open WebSockets to.
func (at origin) sockets() string {
	if at.secure {
		return "wss://" + at.host
	}
	return "ws://" + at.host + " wss://" + at.host
}

// fromProxy puts who asked in the place of the proxy that it came by, and tells upstreams what the browser
// sees.
func (d *App) fromProxy(r *http.Request, at origin, client string) {
	if client != "" {
		r.RemoteAddr = net.JoinHostPort(client, "0")
	}
	if at.secure {
		r.Header.Set("X-Forwarded-Proto", "https")
		// it is ours, what came from outside is gone
		caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, true)
	}
}

// forwardedFor is the address that the outermost of our proxies has heard from; what stands left of it,
// anybody can write.
func (d *App) forwardedFor(r *http.Request) string {
	if d.Proxies == 0 {
		return ""
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	hop := strings.TrimSpace(hops[max(0, len(hops)-d.Proxies)])
	if address, err := netip.ParseAddr(strings.Trim(hop, "[]")); err == nil {
		return address.Unmap().WithZone("").String()
	}
	if address, err := netip.ParseAddrPort(hop); err == nil {
		return address.Addr().Unmap().WithZone("").String()
	}
	return ""
}

// forwardedProto is the scheme that the nearest proxy was asked by; empty: there is none, or it does not say.
func (d *App) forwardedProto(r *http.Request) string {
	if d.Proxies == 0 {
		return ""
	}
	protos := strings.Split(strings.Join(r.Header.Values("X-Forwarded-Proto"), ","), ",")
	switch strings.ToLower(strings.TrimSpace(protos[len(protos)-1])) {
	case "https", "wss":
		return "https"
	case "http", "ws":
		return "http"
	}
	return ""
}

// toTLS leads a browser to https; a program's request may have carried a secret already and is refused.
func (g *Guard) toTLS(w http.ResponseWriter, r *http.Request) {
	if !isNavigation(r) {
		g.refuse(w, r, refusal{http.StatusForbidden, "E_TLS", "This name is served by https only.", "Use " + g.Origin + "."})
		return
	}
	ownHeaders(w.Header())
	w.Header().Set("Location", g.Origin+r.URL.RequestURI())
	w.WriteHeader(http.StatusPermanentRedirect)
}

// cookieDomain is the domain that browsers take cookies for: not one that anybody can have a name below.
func cookieDomain(domain string) string {
	domain = strings.ToLower(domain)
	if suffix, _ := publicsuffix.PublicSuffix(domain); suffix == domain {
		return ""
	}
	return domain
}

// parseOrigin reads scheme://host[:port], written as browsers write it.
func parseOrigin(text string) *url.URL {
	at, err := url.Parse(text)
	if err != nil || (at.Scheme != "http" && at.Scheme != "https") || at.Host == "" || at.Scheme+"://"+at.Host != text ||
		at.Port() == defaultPort[at.Scheme] || at.Host != strings.ToLower(at.Host) {
		return nil
	}
	return at
}
