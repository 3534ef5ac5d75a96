import { createSecretKey, type KeyObject } from 'node:crypto'

/**
 * Bytes as a key of Node's crypto, which takes bytes as they are as well, but learns that they are no key object from two errors
 * that it throws and catches (24.21): ten times the work of a small HMAC.
 */
export function keyOfBytes(bytes: Uint8Array): KeyObject {
  return createSecretKey(bytes)
}
