package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const (
	accessKey = "lake"
	secretKey = "secret-of-the-lake-0123456789"
	scope     = "20261125/us-east-1/s3/aws4_request"
	stamp     = "20261125T100000Z"
)

// signature is AWS Signature Version 4 of a request as a server sees it: method, path, query, Host and the
// named headers.
func signature(r *http.Request, signed []string, payload string) string {
	query := r.URL.Query()
	query.Del("X-Amz-Signature")
	canonical := []string{r.Method, r.URL.EscapedPath(), strings.ReplaceAll(query.Encode(), "+", "%20")}
	for _, name := range signed {
		value := strings.Join(r.Header.Values(name), ",")
		if name == "host" {
			value = r.Host
		}
		canonical = append(canonical, name+":"+value)
	}
	canonical = append(canonical, "", strings.Join(signed, ";"), payload)
	sum := sha256.Sum256([]byte(strings.Join(canonical, "\n")))
	key := []byte("AWS4" + secretKey)
	for _, part := range append(strings.Split(scope, "/"), "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hex.EncodeToString(sum[:])) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

// The client signs what it sends, the server what arrives.
func TestSignaturesOfTheObjectStoreHoldThroughAnIngress(t *testing.T) {
	client := visitor(t)
	link := ours("objects", "/bronze/a%20b/part=1.parquet")

	presigned, _ := url.Parse(link)
	presigned.RawQuery = url.Values{"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Credential": {accessKey + "/" + scope}, "X-Amz-Date": {stamp},
		"X-Amz-Expires": {"900"}, "X-Amz-SignedHeaders": {"host"}, "response-content-disposition": {"attachment; filename=x"}}.Encode()
	sent, _ := http.NewRequest("GET", presigned.String(), nil)
	wanted := signature(sent, []string{"host"}, "UNSIGNED-PAYLOAD")
	answer, _ := call(t, client, "GET", presigned.String()+"&X-Amz-Signature="+wanted, nil)
	expect(t, "a presigned link", answer.StatusCode, 200)
	arrived := seen.Load()
	expect(t, "its signature", arrived.URL.Query().Get("X-Amz-Signature"), wanted)
	expect(t, "of what arrived", signature(arrived, []string{"host"}, "UNSIGNED-PAYLOAD"), wanted)

	// As SDKs sign: every header that a careless proxy rewrites is among them.
	headers := []string{"Accept-Encoding: identity", "Content-Type: application/octet-stream", "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD",
		"X-Amz-Date: " + stamp, "X-Amz-Meta-Origin: flights", "Amz-Sdk-Invocation-Id: 1", "User-Agent: sdk/1.0"}
	signed := []string{"accept-encoding", "amz-sdk-invocation-id", "content-type", "host", "user-agent", "x-amz-content-sha256", "x-amz-date", "x-amz-meta-origin"}
	if !slices.IsSorted(signed) {
		t.Fatal("headers are signed in order")
	}
	sent, _ = http.NewRequest("PUT", link, nil)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		sent.Header.Set(name, value)
	}
	wanted = signature(sent, signed, "UNSIGNED-PAYLOAD")
	authorization := fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s", accessKey, scope, strings.Join(signed, ";"), wanted)
	put, _ := call(t, client, "PUT", link, strings.NewReader(strings.Repeat("x", 100_000)), append(headers, "Authorization: "+authorization)...)
	expect(t, "a signed upload", put.StatusCode, 200)
	arrived = seen.Load()
	expect(t, "its Authorization", arrived.Header.Get("Authorization"), authorization)
	expect(t, "of what arrived", signature(arrived, signed, "UNSIGNED-PAYLOAD"), wanted)
	expect(t, "its name", arrived.Host, "objects.staging.lab.example:8443")
}
