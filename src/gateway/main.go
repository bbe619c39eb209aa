// Command gateway is the platform's one way in: Caddy with the modules of this folder, and nothing that they
// don't use.
//
//	gateway /run/datalab/gateway.json
//
// The file is what src/services/gateway.ts writes; package setup turns it into Caddy's own configuration.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"

	"datalab/gateway/gate"
	"datalab/gateway/setup"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gateway CONFIG.json")
		os.Exit(2)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if err := run(os.Args[1], stop); err != nil {
		fmt.Fprintf(os.Stderr, "gateway: %v\n", err)
		os.Exit(1)
	}
}

func run(path string, stop <-chan os.Signal) error {
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
	if err := caddy.Load(document, true); err != nil {
		return err
	}
	fmt.Printf("gateway: %d ports are open\n", len(config.Endpoints))
	<-stop
	return end(time.Duration(config.DrainSeconds)*time.Second, time.Duration(config.GraceSeconds)*time.Second, stop)
}

// end first lets those who hold connections find another gateway, serving them on; then it closes its ports
// and finishes what is in work. Told twice, it does not wait.
func end(drain, grace time.Duration, again <-chan os.Signal) error {
	app, err := caddy.ActiveContext().AppIfConfigured(gate.AppID)
	if err != nil {
		return err
	}
	gateApp := app.(*gate.App)
	gateApp.End()
	if drain > 0 {
		select {
		case <-time.After(drain):
		case <-again:
		}
	}
	// Caddy waits for requests only when it was it that was told to end.
	if err := caddy.Stop(); err != nil {
		return err
	}
	if !gateApp.Finish(grace) {
		return errors.New("requests were still running when the shutdown time was over")
	}
	return nil
}
