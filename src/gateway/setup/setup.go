// Package setup turns the platform's description of its endpoints into Caddy's configuration.
package setup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"

	"datalab/gateway/gate"
	"datalab/gateway/relay"

	// What the configuration names.
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	_ "github.com/caddyserver/caddy/v2/modules/metrics"
)

// Config is the file that src/services/gateway.ts writes.
type Config struct {
	gate.App
	// Address that ports are opened on; empty: all of the container's.
	Bind      string     `json:"bind"`
	Endpoints []Endpoint `json:"endpoints"`
	// Port, inside the network only, of /metrics, /livez and /readyz.
	StatusPort int `json:"statusPort"`
	// After the word to end: how long requests are still taken, and then how long those in work may take.
	DrainSeconds int `json:"drainSeconds,omitempty"`
	GraceSeconds int `json:"graceSeconds"`
}

// Endpoint is one published port.
type Endpoint struct {
	gate.Guard
	Protocol string `json:"protocol"`
	Listen   int    `json:"listen"`
	// host:port inside the network. The name is asked for again with every new connection.
	Upstream string `json:"upstream"`
}

// Parse reads the file strictly: what it does not know is an error, not ignored.
func Parse(text []byte) (*Config, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var config Config
	if err := decoder.Decode(&config); err != nil {
		return nil, err
	}
	seen := map[int]bool{config.StatusPort: true}
	for _, e := range config.Endpoints {
		if e.Listen < 1 || e.Listen > 65535 || seen[e.Listen] {
			return nil, fmt.Errorf("endpoint %s of %s: port %d is not a port or taken twice", e.Name, e.Service, e.Listen)
		}
		seen[e.Listen] = true
		if _, _, err := net.SplitHostPort(e.Upstream); err != nil {
			return nil, fmt.Errorf("endpoint %s of %s: upstream: %w", e.Name, e.Service, err)
		}
		if e.Protocol != "http" && e.Protocol != "tcp" {
			return nil, fmt.Errorf("endpoint %s of %s: protocol %q is neither http nor tcp", e.Name, e.Service, e.Protocol)
		}
	}
	if config.StatusPort == 0 {
		return nil, errors.New("statusPort is missing")
	}
	if config.DrainSeconds < 0 || config.GraceSeconds < 1 {
		return nil, errors.New("drainSeconds must be at least 0, graceSeconds at least 1")
	}
	return &config, nil
}

type object = map[string]any

// Caddy writes the configuration that Caddy loads.
func (c *Config) Caddy() ([]byte, error) {
	servers := object{"status": c.status()}
	relays := []relay.Relay{}
	for _, e := range c.Endpoints {
		if e.Protocol == "tcp" {
			relays = append(relays, relay.Relay{Service: e.Service, Listen: c.address(e.Listen), Upstream: e.Upstream})
			continue
		}
		servers[strconv.Itoa(e.Listen)] = c.server(e)
	}
	return json.Marshal(object{
		"admin": object{"disabled": true, "config": object{"persist": false}},
		// What clients and upstreams do wrong is counted and told by the gate, once; it is not a line per request.
		"logging": object{"logs": object{"default": object{
			"level":   "WARN",
			"exclude": []string{"http.handlers.reverse_proxy", "http.log.error", "http.stdlib"},
		}}},
		"apps": object{
			gate.AppID:  &c.App,
			relay.AppID: &relay.App{Relays: relays},
			"http":      object{"servers": servers, "grace_period": fmt.Sprintf("%ds", c.GraceSeconds)},
		},
	})
}

func (c *Config) address(port int) string { return net.JoinHostPort(c.Bind, strconv.Itoa(port)) }

func (c *Config) server(e Endpoint) object {
	guard := e.Guard
	guard.Port = e.Listen
	return object{
		"listen":          []string{c.address(e.Listen)},
		"protocols":       []string{"h1"},
		"automatic_https": object{"disable": true},
		// Only a connection on which nothing moves is given up; how long an answer takes is the service's business.
		"read_header_timeout": "20s",
		"read_idle_timeout":   "10m",
		"write_idle_timeout":  "10m",
		"idle_timeout":        "1m",
		"max_header_bytes":    64 << 10,
		"routes": []object{{"handle": []any{
			guard.Handler(),
			object{
				"handler":   "reverse_proxy",
				"upstreams": []object{{"dial": e.Upstream}},
				"transport": object{
					"protocol":     "http",
					"versions":     []string{"1.1"},
					"dial_timeout": "3s",
					"compression":  false,
					// Shorter than any upstream's own limit (Uvicorn's is 5 s): a request must not meet a closing
					// connection.
					"keep_alive":        object{"idle_timeout": "3s", "max_idle_conns_per_host": 16},
					"read_buffer_size":  4 << 10,
					"write_buffer_size": 4 << 10,
				},
				"flush_interval": "10ms",
			},
		}}},
	}
}

func (c *Config) status() object {
	guarded := []int{}
	for _, e := range c.Endpoints {
		if e.Protocol == "http" && e.Auth == "gateway" {
			guarded = append(guarded, e.Listen)
		}
	}
	ports, _ := json.Marshal(object{"guarded": guarded})
	return object{
		"listen":          []string{c.address(c.StatusPort)},
		"protocols":       []string{"h1"},
		"automatic_https": object{"disable": true},
		"routes": []object{
			{"match": []object{{"path": []string{"/metrics"}}}, "handle": []object{{"handler": "metrics"}}},
			{"match": []object{{"path": []string{"/livez"}}}, "handle": []object{{"handler": "static_response", "body": "ok\n"}}},
			{"match": []object{{"path": []string{"/readyz"}}}, "handle": []object{{"handler": "datalab_ready"}}},
			{"match": []object{{"path": []string{"/ports"}}}, "handle": []object{{"handler": "static_response", "body": string(ports)}}},
			{"handle": []object{{"handler": "static_response", "status_code": 404}}},
		},
	}
}
