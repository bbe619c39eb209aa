// Package authhelpers refuses Google's and Azure's storage and keys, which are left out of this build.
package authhelpers

import (
	"context"
	"errors"
	"net/url"

	"gocloud.dev/blob"
	"gocloud.dev/secrets"
)

var ErrLeftOut = errors.New("the engine that DataLab builds has no gs://, azblob://, gcpkms:// and azurekeyvault://: " +
	"install Pulumi's own CLI to use them")

func GoogleCredentialsMux(context.Context) (*blob.URLMux, error) { return nil, ErrLeftOut }

type leftOut struct{}

func (leftOut) OpenBucketURL(context.Context, *url.URL) (*blob.Bucket, error) { return nil, ErrLeftOut }
func (leftOut) OpenKeeperURL(context.Context, *url.URL) (*secrets.Keeper, error) {
	return nil, ErrLeftOut
}

// Without these a URL of such a scheme would be taken for that of a Pulumi service.
func init() {
	blob.DefaultURLMux().RegisterBucket("gs", leftOut{})
	blob.DefaultURLMux().RegisterBucket("azblob", leftOut{})
	secrets.DefaultURLMux().RegisterKeeper("azurekeyvault", leftOut{})
}
