import { createHash, createHmac } from 'node:crypto'
import { keyOfBytes } from '../../../runtime/core/secrets/key-of-bytes.ts'

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
}

export interface S3Call {
  readonly method: string
  readonly url: string
  /** Each of them is signed. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Buffer | undefined
}

/**
 * The headers of a call with AWS Signature Version 4 (service `s3`): the hash of the body is part of what is signed, so that nothing on
 * the way can change it.
 */
export function signS3({ method, url, headers, body }: S3Call, { accessKeyId, secretAccessKey, region }: S3Credentials, nowMs: number): Record<string, string> {
  const { host, pathname, searchParams } = new URL(url)
  const time = new Date(nowMs).toISOString().replace(/[:-]|\.\d{3}/g, '')
  const day = time.slice(0, 8)
  const bodyHash = createHash('sha256').update(body ?? '').digest('hex')
  const all: Record<string, string> = { ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])), 'x-amz-content-sha256': bodyHash, 'x-amz-date': time }
  const signed = Object.entries({ ...all, host }).map(([name, value]) => [name, value.trim().replace(/ +/g, ' ')] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  const names = signed.map(([name]) => name).join(';')
  const query = [...searchParams].map(([name, value]) => [encodeRfc3986(name), encodeRfc3986(value)] as const).sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1)).map(([name, value]) => `${name}=${value}`).join('&')
  const canonical = [method, pathname, query, ...signed.map(([name, value]) => `${name}:${value}`), '', names, bodyHash].join('\n')
  const scope = `${day}/${region}/s3/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', time, scope, createHash('sha256').update(canonical).digest('hex')].join('\n')
  const key = [day, region, 's3', 'aws4_request'].reduce((before, part) => createHmac('sha256', keyOfBytes(before)).update(part).digest(), Buffer.from(`AWS4${secretAccessKey}`))
  const signature = createHmac('sha256', keyOfBytes(key)).update(toSign).digest('hex')
  return { ...all, authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}` }
}

/** Percent-encoding of everything but the unreserved characters (RFC 3986 §2.3), as the signature wants it. */
export function encodeRfc3986(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}
