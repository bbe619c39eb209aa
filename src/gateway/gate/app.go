// Package gate is the platform's login as a Caddy module: who may come in, by what, and what upstreams get to
// see.
package gate

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// AppID is the module's name among Caddy's apps.
const AppID = "datalab_gate"

func init() {
	caddy.RegisterModule(new(App))
	caddy.RegisterModule(new(Guard))
	caddy.RegisterModule(new(Ready))
}

// App is what all ports share: users, the token, sessions, the limit on failed logins.
type App struct {
	Stack string `json:"stack"`
	// Names beside 127.0.0.1, localhost and [::1] that a Host header may carry: "name", or "name:port" behind a
	// proxy.
	Hosts []string `json:"hosts"`
	// Domain that all pages' names are below: one login opens them. Empty: each name is for itself.
	Domain string `json:"domain,omitempty"`
	// How many proxies stand before it, each of which appends to X-Forwarded-For whom it heard from.
	Proxies      int     `json:"proxies,omitempty"`
	SessionHours float64 `json:"sessionHours"`
	// Signs sessions. The same after a restart, so that nobody is logged out by one.
	SessionKey string `json:"sessionKey"`
	// Opens every port for programs.
	Token string `json:"token"`
	Users []User `json:"users"`
	// Single sign-on; nil: passwords alone.
	OIDC *OIDC `json:"oidc,omitempty"`
	// Only single sign-on logs people in.
	NoPasswords bool `json:"noPasswords,omitempty"`

	sessions *sessions
	limit    *limit
	hosts    map[string]bool
	domain   string
	ending   atomic.Bool
	inWork   atomic.Int64
	mutex    sync.Mutex
	guards   []*Guard
	token    [sha256.Size]byte
	logger   *zap.Logger
	logins   *prometheus.CounterVec
	refused  *prometheus.CounterVec
	gone     *prometheus.CounterVec
}

// User may log in, with a generated password or one that is known by its hash only.
type User struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"`
	Hash     string `json:"hash,omitempty"`
}

// CaddyModule tells Caddy what this is.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: AppID, New: func() caddy.Module { return new(App) }}
}

var stackName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// Provision checks the configuration and prepares the rest.
func (d *App) Provision(ctx caddy.Context) error {
	if !stackName.MatchString(d.Stack) {
		return fmt.Errorf("stack %q is not a name", d.Stack)
	}
	if len(d.SessionKey) < 16 || len(d.Token) < 16 {
		return errors.New("sessionKey and token must have at least 16 characters")
	}
	if d.Proxies < 0 {
		return errors.New("proxies must not be less than 0")
	}
	if d.SessionHours <= 0 {
		return errors.New("sessionHours must be more than 0")
	}
	if d.OIDC != nil {
		if err := d.OIDC.provision(); err != nil {
			return err
		}
	} else if d.NoPasswords {
		return errors.New("noPasswords without oidc: nobody could log in")
	}
	if len(d.Users) == 0 {
		return errors.New("there must be a user who can log in")
	}
	names := map[string]bool{}
	for _, user := range d.Users {
		if user.Name == "" || names[user.Name] || strings.ContainsAny(user.Name, "|\x00") {
			return fmt.Errorf("user name %q is empty, taken twice or not a name", user.Name)
		}
		names[user.Name] = true
		if err := user.check(); err != nil {
			return fmt.Errorf("user %s: %w", user.Name, err)
		}
	}
	d.token = sha256.Sum256([]byte(d.Token))
	d.sessions = newSessions(d, time.Duration(d.SessionHours*float64(time.Hour)))
	d.limit = newLimit()
	d.hosts = map[string]bool{}
	for _, host := range d.Hosts {
		d.hosts[strings.ToLower(host)] = true
	}
	d.logger = ctx.Logger()
	if d.domain = cookieDomain(d.Domain); d.domain != d.Domain {
		d.logger.Warn("browsers accept no cookie for this domain: every page asks for its own login", zap.String("domain", d.Domain))
	}
	counter := func(name, help, label string) *prometheus.CounterVec {
		vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "datalab_gateway_" + name, Help: help}, []string{label})
		ctx.GetMetricsRegistry().MustRegister(vec)
		return vec
	}
	d.logins = counter("logins_total", "Attempts to log in.", "result")
	for _, result := range []string{"accepted", "refused", "limited", "denied", "failed"} {
		d.logins.WithLabelValues(result) // an alert sees the first one only when it has seen none
	}
	d.refused = counter("refused_total", "Requests that were refused.", "reason")
	d.gone = counter("unavailable_total", "Requests whose service did not answer.", "service")
	return nil
}

func (d *App) add(g *Guard) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.guards = append(d.guards, g)
}

// Start does nothing: ports are opened by Caddy's HTTP app.
func (d *App) Start() error { return nil }

// Stop does nothing.
func (d *App) Stop() error { return nil }

// End says that the process is about to stop: it is not ready any more, and every answer closes its
// connection, so that who holds one goes to another gateway with the next request.
func (d *App) End() { d.ending.Store(true) }

// Finish waits until no request is in work any more; false: the time was over before.
func (d *App) Finish(within time.Duration) bool {
	for end := time.Now().Add(within); d.inWork.Load() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// isToken compares in constant time, whatever the lengths.
func (d *App) isToken(given string) bool {
	sum := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(sum[:], d.token[:]) == 1
}

func (d *App) user(name string) *User {
	for i := range d.Users {
		if d.Users[i].Name == name {
			return &d.Users[i]
		}
	}
	return nil
}

var (
	_ caddy.App         = (*App)(nil)
	_ caddy.Provisioner = (*App)(nil)
)
