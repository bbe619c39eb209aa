package gate

import "testing"

func TestCookieDomain(t *testing.T) {
	for domain, want := range map[string]string{
		"staging.lab.example.com": "staging.lab.example.com",
		"lab.example":             "lab.example",
		"Lab.Example":             "lab.example",
		"lab":                     "", // browsers refuse a cookie for what may be a top-level domain
		"localhost":               "",
		"co.uk":                   "",
		"github.io":               "", // strangers' names are below it
		"":                        "",
	} {
		if got := cookieDomain(domain); got != want {
			t.Errorf("%q: got %q, want %q", domain, got, want)
		}
	}
}

func TestParseOrigin(t *testing.T) {
	for origin, want := range map[string]bool{
		"https://core.lab.example":      true,
		"https://core.lab.example:8443": true,
		"http://127.0.0.1:8501":         true,
		"https://core.lab.example:443":  false, // no browser writes it
		"https://core.lab.example/":     false,
		"https://Core.lab.example":      false,
		"sc://127.0.0.1:15002":          false,
		"core.lab.example":              false,
		"https://user@core.lab.example": false,
		"https://":                      false,
	} {
		if got := parseOrigin(origin) != nil; got != want {
			t.Errorf("%q: got %v, want %v", origin, got, want)
		}
	}
}

func TestANameWithoutADomainKeepsItsCookieForItself(t *testing.T) {
	s := &sessions{app: &App{Stack: "gwt"}}
	for name, at := range map[string]origin{
		"datalab_gwt":          {},
		"__Host-datalab_gwt":   {secure: true},
		"__Secure-datalab_gwt": {secure: true, domain: "lab.example"},
	} {
		cookie := s.noCookie(at)
		if cookie.Name != name || cookie.Secure != at.secure || cookie.Domain != at.domain || cookie.Path != "/" {
			t.Errorf("got %s, want %s", cookie, name)
		}
		if !isSessionCookie(cookie.Name) {
			t.Errorf("services would see %s", name)
		}
	}
	if isSessionCookie("__Secure-theirs") || isSessionCookie("my_datalab_x") {
		t.Error("others' cookies are kept back")
	}
}
