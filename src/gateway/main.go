// Command gateway is the platform's one way in: Caddy with the modules of this folder, and nothing that they don't use.
//
//	gateway /run/datalab/gateway.json
//
// The file is what src/services/gateway.ts writes; package setup turns it into Caddy's own configuration.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/caddyserver/caddy/v2"

	"datalab/gateway/setup"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gateway CONFIG.json")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "gateway: %v\n", err)
		os.Exit(1)
	}
}

func run(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	config, err := setup.Parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	document, err := config.Caddy()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if err := caddy.Load(document, true); err != nil {
		return err
	}
	fmt.Printf("gateway: %d ports are open\n", len(config.Endpoints))
	<-stop
	return caddy.Stop()
}
