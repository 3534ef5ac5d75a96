import type { Clients } from '../../runtime/core/clients.ts'
import { absent, type Method, refused } from './verdict.ts'

/** The client certificate that TLS verified: its chain is the connection's matter, whose it is the records'. */
export function createCertificateMethod(clients: Clients): Method {
  return {
    kind: 'certificate',
    scheme: 'ClientCertificate',
    carries: {},
    verify({ request }) {
      const certificate = request.clientCertificate
      if (!certificate) return absent
      const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
      // Records may name `DNS:client.example` or just the name.
      const sans = (certificate.sans ?? []).flatMap((san) => [san, san.slice(san.indexOf(':') + 1)])
      const known = clients.byCertificate({ fingerprint, sans })
      return known ? { kind: 'known', who: { known, scopes: [] } } : refused('auth.certificate', 'no record knows the certificate')
    },
  }
}
