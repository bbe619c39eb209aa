package gate

import (
	"strings"
	"sync"
)

// A service that makes up ever new names does not fill the memory: later ones are not passed on.
const mostCookieNames = 200

// cookieNames are the names of the cookies that a service has set since the gateway's start, and of those
// that it is known to use.
type cookieNames struct {
	known   []string
	mutex   sync.RWMutex
	learned map[string]bool
}

// What has been learned outlives a change of the configuration, which makes every guard anew.
var learnedCookies sync.Map

func cookieNamesOf(endpoint string, known []string) *cookieNames {
	kept, _ := learnedCookies.LoadOrStore(endpoint, &cookieNames{learned: map[string]bool{}})
	names := kept.(*cookieNames)
	names.mutex.Lock()
	defer names.mutex.Unlock()
	names.known = known
	return names
}

func (c *cookieNames) learn(name string) {
	if c.has(name) {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.learned) < mostCookieNames {
		c.learned[name] = true
	}
}

func (c *cookieNames) has(name string) bool {
	c.mutex.RLock()
	defer c.mutex.RUnlock()
	if c.learned[name] {
		return true
	}
	for _, pattern := range c.known {
		prefix, open := strings.CutSuffix(pattern, "*")
		if name == pattern || (open && strings.HasPrefix(name, prefix)) {
			return true
		}
	}
	return false
}
