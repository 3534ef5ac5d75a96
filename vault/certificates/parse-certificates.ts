import { X509Certificate } from 'node:crypto'
import type { Facts } from '../../runtime/core/saying.ts'
import { Refused } from '../refused.ts'
import { certificatesLimit } from '../words/input-limits.ts'

const block = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g
const chainAtMost = 10

/**
 * The certificates of a PEM text (RFC 7468), the one it is about first, then who issued it, and so on.
 * @throws Refused `certificate.` and what is wrong: `private_key`, `too_long`, `other`, `none`, `too_many`, `unreadable`, `order`
 */
export function parseCertificates(pem: string): readonly X509Certificate[] {
  if (pem.length > certificatesLimit) throw refused('too_long', `The text is longer than a chain of certificates is: more than ${certificatesLimit} characters.`, { most: certificatesLimit })
  const blocks = [...pem.matchAll(block)]
  // Said before anything else: who pasted a key has to know that it was shown to this form.
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(pem)) {
    throw refused('private_key', 'The text holds a private key. Nothing was kept; paste the certificate alone. Keys for the vault are made in the vault.')
  }
  const other = blocks.find(([, label]) => label !== 'CERTIFICATE')?.[1]?.toLowerCase()
  if (other) throw refused('other', `The text holds a ${other}. Paste certificates only.`, { other })
  if (blocks.length === 0) throw refused('none', 'The text holds no certificate in PEM: it begins with -----BEGIN CERTIFICATE-----.')
  if (blocks.length > chainAtMost) throw refused('too_many', `A chain has at most ${chainAtMost} certificates.`, { most: chainAtMost })
  const certificates = blocks.map(([text], index) => {
    try {
      return new X509Certificate(text)
    } catch {
      throw refused('unreadable', `Certificate ${index + 1} of the text cannot be read.`, { number: index + 1 })
    }
  })
  const broken = certificates.findIndex((certificate, index) => {
    const issuer = certificates[index + 1]
    return issuer !== undefined && !(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey))
  })
  if (broken !== -1) throw refused('order', `Certificate ${broken + 2} of the text did not issue the one before it. Paste the certificate first, then its issuer, and so on.`, { number: broken + 2 })
  return certificates
}

function refused(what: string, message: string, facts?: Facts): Refused {
  return new Refused(`certificate.${what}`, 422, message, facts)
}
