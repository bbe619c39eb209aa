import type { S3Client } from "@aws-sdk/client-s3";
import { DatalabError } from "../../errors.ts";
import type { S3Location } from "./state-location.ts";

/**
 * Works with the bucket beside a state in S3. What the store answers with an error becomes what `failed`
 * makes of it; an error of ours stays as it is.
 */
export async function withStateClient<T>(
  place: S3Location,
  failed: (error: Error) => DatalabError,
  work: (s3: typeof import("@aws-sdk/client-s3"), client: S3Client) => Promise<T>,
): Promise<T> {
  const s3 = await import("@aws-sdk/client-s3");
  const client = new s3.S3Client(place.client);
  try {
    return await work(s3, client);
  } catch (error) {
    throw error instanceof DatalabError ? error : failed(error as Error);
  } finally {
    client.destroy();
  }
}
