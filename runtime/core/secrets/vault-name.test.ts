import { expect, test } from 'vitest'
import { mayUseVaultName } from './vault-name.ts'

test('whose a domain, key or secret of the vault is stands before the last dot of its name', () => {
  expect([mayUseVaultName('shop', 'shop.a'), mayUseVaultName('shop.eu', 'shop.eu.a'), mayUseVaultName(undefined, 'a')]).toEqual([true, true, true])
  expect([mayUseVaultName('shop', 'shop'), mayUseVaultName('shop', 'a'), mayUseVaultName('shop', 'shopping.a'), mayUseVaultName('shop', 'shop.eu.a'), mayUseVaultName('shop.eu', 'shop.a')]).toEqual([false, false, false, false, false])
})
