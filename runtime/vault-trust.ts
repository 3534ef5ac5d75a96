import { readFileSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { Log } from './core/log.ts'
import { watchContents } from './core/files/watch-contents.ts'
import type { Settings } from './settings.ts'
import type { VaultTrust } from './vault/vault-link.ts'

type Role = 'gateway' | 'control'
type Trust = { readonly [Part in keyof VaultTrust]: string | undefined }

/** What a process shows vaults, and by what it knows them. @throws Error when a file cannot be read */
export function vaultTrust(settings: Settings, role: Role): Trust {
  const file = (path: string | undefined) => (path === undefined ? undefined : readFileSync(path, 'utf8'))
  return {
    token: vaultTokens(settings, role)[0],
    ca: file(settings.vaultCaFile),
    cert: file(settings.vaultClientCertFile),
    key: file(settings.vaultClientKeyFile),
  }
}

/**
 * Calls `apply` when a file changed that {@link vaultTrust} is read from. What cannot be used, a certificate whose key has not come yet
 * say, is logged and the old stays.
 * @returns what stops the watching
 */
export function watchVaultTrust(settings: Settings, role: Role, apply: (trust: Trust) => void, log: Log, pollMs?: number): () => void {
  const tokenFile = role === 'gateway' ? settings.vaultGatewayTokenFile : settings.vaultControlTokenFile
  const paths = [settings.vaultCaFile, settings.vaultClientCertFile, settings.vaultClientKeyFile, tokenFile].filter((path) => path !== undefined)
  if (paths.length === 0) return () => {}
  return watchContents(paths, () => {
    try {
      const trust = vaultTrust(settings, role)
      const { ca, cert, key } = trust
      // An authority that is an empty text would be none: public ones would be trusted in its place.
      if (ca !== undefined) readFirst(ca)
      const own = cert === undefined ? undefined : readFirst(cert)
      createSecureContext({ ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) })
      apply(trust)
      log.info(own ? { validTo: own.validTo } : {}, 'What the vault is shown and known by was renewed.')
    } catch (error) {
      log.error({ reason: (error as Error).message }, 'New certificates for the way to the vault cannot be used; the old ones stay.')
    }
  }, pollMs)
}

/** Tokens of a role, from the environment or from their file. @throws Error when the file cannot be read */
export function vaultTokens(settings: Settings, role: Role): readonly string[] {
  const [given, file] = role === 'gateway' ? [settings.vaultGatewayToken, settings.vaultGatewayTokenFile] : [settings.vaultControlToken, settings.vaultControlTokenFile]
  const lines = file === undefined ? [] : readFileSync(file, 'utf8').split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
  return [...given, ...lines]
}

/** @throws Error when it is no certificate */
function readFirst(pem: string): X509Certificate {
  return new X509Certificate(pem)
}
