import type { X509Certificate } from 'node:crypto'
import type { CertificateFacts } from '../contract.ts'
import type { VaultRecord } from '../parts.ts'

export const dayMs = 86_400_000

/** What is kept of an imported certificate; all of it is public. */
export interface KeptCertificate {
  readonly pem: string
  readonly subject: string
  readonly issuer: string
  readonly serial: string
  readonly fingerprint: string
  readonly notBefore: string
  readonly notAfter: string
  /** When the first of the chain ends: from then on the certificate is of no use, too. */
  readonly endsAt: string
  /** Smallest number of days that was said already; absent: none. */
  readonly saidDays?: number
  readonly by: string
}

/** What is kept of a chain, the first certificate being the one it is about. */
export function toKeptCertificate(chain: readonly X509Certificate[], by: string): KeptCertificate {
  const first = chain[0] as X509Certificate
  return {
    pem: chain.map((one) => one.toString().trim()).join('\n'),
    subject: oneLine(first.subject),
    issuer: oneLine(first.issuer),
    serial: first.serialNumber,
    fingerprint: first.fingerprint256,
    notBefore: first.validFromDate.toISOString(),
    notAfter: first.validToDate.toISOString(),
    endsAt: new Date(Math.min(...chain.map((one) => one.validToDate.getTime()))).toISOString(),
    by,
  }
}

export function keptOf(record: VaultRecord): KeptCertificate {
  return record.facts as unknown as KeptCertificate
}

/** Whole days until the first of the chain ends; below 0 when it is past. */
export function daysLeft({ endsAt }: Pick<KeptCertificate, 'endsAt'>, nowMs: number): number {
  return Math.floor((Date.parse(endsAt) - nowMs) / dayMs)
}

export function toFacts(record: VaultRecord, nowMs: number): CertificateFacts {
  const kept = keptOf(record)
  const { subject, issuer, serial, fingerprint, notBefore, notAfter } = kept
  return { name: record.name, subject, issuer, serial, fingerprint, notBefore, notAfter, daysLeft: daysLeft(kept, nowMs), revision: record.version }
}

/** Distinguished names come with a line per part. */
function oneLine(name: string | undefined): string {
  return (name ?? '').split('\n').filter(Boolean).join(', ')
}
