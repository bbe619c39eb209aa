package gate

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
)

// isBelow says whether a path lies below one of these prefixes, however it is written: doubled slashes, dot
// segments, path parameters, escapes within escapes, letters of another case.
func isBelow(raw string, prefixes []string) bool {
	if len(prefixes) == 0 {
		return false
	}
	for range 4 {
		clean := normal(raw)
		for _, prefix := range prefixes {
			prefix = normal(prefix)
			if clean == prefix || strings.HasPrefix(clean, strings.TrimSuffix(prefix, "/")+"/") {
				return true
			}
		}
		decoded, err := url.PathUnescape(raw)
		if err != nil || decoded == raw {
			return false
		}
		raw = decoded
	}
	return true // escaped that often by nobody who means well
}

func normal(raw string) string {
	segments := strings.Split(strings.ReplaceAll(raw, `\`, "/"), "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return strings.ToLower(path.Clean("/" + strings.Join(segments, "/")))
}

func isExactly(given string, paths []string) bool { return slices.Contains(paths, given) }

// isNavigation: a browser opens a page. Everything else is a program, or a page's own request, and wants a status.
func isNavigation(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" && mode != "navigate" {
		return false
	}
	if r.Header.Get("X-Requested-With") != "" || isUpgrade(r) {
		return false
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

func isUpgrade(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }

// foreign refuses what other sites' pages make a logged-in browser send. A cookie reaches every port of a host name, and
// browsers call pages on other ports, or below the same domain, "same-site": only this very origin may do more than open a page.
func (g *Guard) foreign(r *http.Request, at origin) *refusal {
	refused := &refusal{http.StatusForbidden, "E_ORIGIN", "Requests from pages of other origins are refused.",
		"Programs send the token and no cookie."}
	origin := r.Header.Values("Origin")
	site := r.Header.Get("Sec-Fetch-Site")
	safe := (r.Method == http.MethodGet || r.Method == http.MethodHead) && !isUpgrade(r)
	if len(origin) > 0 {
		if len(origin) == 1 && at.isOrigin(origin[0]) {
			return nil
		}
		return refused
	}
	switch site {
	case "same-origin", "none":
		return nil
	case "":
		// A program, or a browser older than these headers, which would have sent an Origin with anything but GET.
		if _, ok := g.app.sessions.of(r, at); ok && !safe && r.Header.Get("Authorization") == "" {
			return refused
		}
		return nil
	}
	if safe && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" {
		return nil
	}
	return refused
}

// reserved are names of headers that only a gateway may set; `_` and `-` are the same to many servers.
func reserved(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	switch name {
	case "forwarded", "x-real-ip", "remote-user", "x-remote-user", "x-auth-user", "x-original-url", "x-rewrite-url":
		return true
	}
	return strings.HasPrefix(name, "x-forwarded-") || strings.HasPrefix(name, "x-datalab-")
}

func stripReserved(header http.Header) {
	for name := range header {
		if reserved(name) || (strings.Contains(name, "_") && strings.EqualFold(strings.ReplaceAll(name, "_", "-"), "authorization")) {
			delete(header, name)
		}
	}
}

// ownCookies leaves the cookies that the service has set, or is known to use. A browser sends those of a host
// name to each of its ports: sessions of gateways are nobody else's business, and what other programs on
// 127.0.0.1 have set would fill the few KB that a service reads of a request's head.
func (g *Guard) ownCookies(r *http.Request) {
	lines := r.Header["Cookie"]
	if len(lines) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		for _, pair := range strings.Split(line, ";") {
			pair = strings.TrimSpace(pair)
			name, _, _ := strings.Cut(pair, "=")
			name = strings.Trim(name, "\" \t")
			if pair != "" && !isSessionCookie(pair) && !isSessionCookie(name+"=") && g.cookies.has(name) {
				kept = append(kept, pair)
			}
		}
	}
	if len(kept) == 0 {
		r.Header.Del("Cookie")
	} else {
		r.Header.Set("Cookie", strings.Join(kept, "; "))
	}
}
