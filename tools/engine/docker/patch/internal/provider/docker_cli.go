package provider

import "github.com/docker/docker/client"

func createAndInitDockerCli(*client.Client) (any, error) { return nil, errLeftOut }
