// Buildx, with the whole of Kubernetes' client below it, is left out of this build: images of a RemoteImage's
// `build` are built by the daemon's own BuildKit, as with `useLegacyBuilder`.

package provider

import (
	"context"
	"errors"

	dockerclient "github.com/docker/docker/client"
)

var errLeftOut = errors.New("buildx is left out of the engine that DataLab builds; install Pulumi's own CLI to use it")

type buildOptions struct{}

func canUseBuildx(context.Context, *dockerclient.Client) (bool, error) { return false, nil }

func mapBuildAttributesToBuildOptions(map[string]interface{}, string, any) (buildOptions, error) {
	return buildOptions{}, errLeftOut
}

func runBuild(context.Context, any, buildOptions, string) error { return errLeftOut }
