import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/**
 * Makes `<name>.crt` and `<name>.key` in a folder with the openssl program: for one host, signed by an earlier
 * certificate of the folder or by itself, and good for two days.
 */
export function makeCertificate(folder: string, name: string, host: string, signer?: string): void {
  const file = (end: string) => join(folder, end)
  const signed = signer ? ['-CA', file(`${signer}.crt`), '-CAkey', file(`${signer}.key`)] : []
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file(`${name}.key`)]
  const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`]
  execFileSync('openssl', ['req', '-x509', ...key, '-out', file(`${name}.crt`), '-days', '2', ...subject, ...signed], { stdio: 'ignore' })
}
