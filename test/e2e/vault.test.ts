import { generateKeyPairSync } from 'node:crypto'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../kit/tools.ts'
import { openBrowser, openPage, picture, signIn } from './browser.ts'
import { startProduct, type Product } from './product.ts'

describe.skipIf(!needs('chromium'))('a data officer, with a browser', () => {
  let product: Product
  let browser: Browser
  let page: Page
  const complaints: string[] = []
  const canary = 'canary-of-a-bank-41c7'
  const tab = (name: string) => page.getByRole('navigation', { name: 'Parts of the vault' }).getByRole('link', { name }).click()

  beforeAll(async () => {
    product = await startProduct()
    browser = await openBrowser()
    page = await openPage(browser, { complaints, expected: /status of 4\d\d/ })
    await signIn(page, product.control, product.password)
    await page.getByRole('link', { name: 'Data protection' }).click()
  })
  afterAll(async () => {
    await browser?.close()
    await product?.stop()
  })

  test('starts the vault by looking, makes a domain, grants a look, and takes it back', async () => {
    await page.getByText('healthy', { exact: true }).waitFor()
    await picture(page, '90-vault', { fullPage: true })
    await tab('Domains')
    await page.getByLabel('Name').fill('Not a name')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('alert').waitFor()
    await page.getByLabel('Name').fill('customers')
    await page.getByLabel('Clearances').fill('high')
    await page.getByLabel('Purposes').fill('billing\ncare')
    await page.getByLabel('Purposes').press('Tab')
    await page.keyboard.press('Enter') // the field after it sends the form
    await page.getByRole('heading', { name: 'customers' }).waitFor()
    await page.goto(new URL('organisations?new', product.control).href)
    await page.getByLabel('Name').fill('North')
    await page.getByRole('button', { name: 'Save' }).last().click()
    await page.goto(new URL('applications?new', product.control).href)
    await page.getByLabel('Name', { exact: true }).fill('Till')
    await page.getByRole('button', { name: 'Save' }).last().click()
    await page.getByRole('heading', { name: 'What it may see of protected data' }).waitFor()
    await page.goto(new URL('vault/grants', product.control).href)
    await page.getByLabel('Purpose').fill('billing')
    await page.getByRole('button', { name: 'Add a grant' }).click()
    await page.getByText('lacks the clearance').waitFor()
    await picture(page, '91-grants', { fullPage: true })
    await page.getByRole('link', { name: 'Till' }).click()
    await page.getByRole('cell', { name: 'billing', exact: true }).waitFor()
    await picture(page, '92-application', { fullPage: true })
    await page.goto(new URL('vault/grants', product.control).href)
    await page.getByRole('button', { name: 'Revoke: till, customers, billing' }).click()
    await page.getByText('Nobody may see values.').waitFor()
  })

  test('sets a secret that no page shows, makes a key, and shreds only what is named', async () => {
    await tab('Secrets')
    await page.getByLabel('Name').fill('bank')
    await page.locator('#secret-value').fill(canary)
    await page.getByRole('button', { name: 'Set a secret' }).click()
    await page.getByText('{{secret:bank}}').waitFor()
    expect(await page.content()).not.toContain(canary)
    expect(await page.locator('#secret-value').inputValue()).toBe('')
    await picture(page, '93-secrets', { fullPage: true })
    await tab('Keys')
    const create = page.locator('section', { has: page.getByRole('heading', { name: 'Create a key' }) })
    await create.getByLabel('Name').fill('signing')
    await create.getByLabel('Kind and use').selectOption('ed25519 EdDSA')
    await create.getByRole('button', { name: 'Create a key' }).click()
    await page.getByRole('button', { name: 'Rotate: signing' }).click()
    await page.getByText('(current: 2)').waitFor()
    const imported = page.locator('section', { has: page.getByRole('heading', { name: 'Import a key' }) })
    const pair = generateKeyPairSync('ed25519')
    const privatePem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    await imported.getByLabel('Name').fill('partner')
    const material = imported.getByLabel('Private key or secret')
    await material.fill(pair.publicKey.export({ type: 'spki', format: 'pem' }) as string)
    await imported.getByRole('button', { name: 'Import a key' }).press('Enter')
    await imported.getByRole('alert').getByRole('link', { name: 'Private key or secret' }).press('Enter')
    expect(await material.evaluate((field: any) => [field.ownerDocument.activeElement === field, field.value, field.getAttribute('aria-invalid'), field.ownerDocument.getElementById(field.getAttribute('aria-describedby').split(' ')[1]).textContent])).toEqual([true, '', 'true', 'This is a public key. Paste the private key.'])
    await material.fill(privatePem)
    await imported.getByRole('button', { name: 'Import a key' }).press('Enter')
    await page.getByText('Imported. The material').waitFor()
    expect([await page.getByRole('button', { name: 'Rotate: partner' }).count(), (await page.content()).includes(privatePem.split('\n')[1]!)]).toEqual([1, false])
    await tab('Domains')
    await page.getByRole('link', { name: 'customers' }).click()
    await page.getByRole('link', { name: 'Shred the domain' }).click()
    await page.getByLabel('Type the name').fill('custom')
    await page.keyboard.press('Enter')
    await page.getByText('The name does not match').waitFor()
    await page.getByLabel('Type the name').fill('customers')
    await page.keyboard.press('Enter')
    await page.getByText('shredded').first().waitFor()
    await page.getByRole('button', { name: '繁體中文' }).click()
    await page.getByText('已銷毀').waitFor()
    await picture(page, '94-domain-zh', { fullPage: true })
    for (const [path, heading, name] of [['vault', '資料保護', '95-vault-zh'], ['vault/secrets', '密鑰', '96-secrets-zh'], ['vault/reveals', '檢視紀錄', '97-reveals-zh']] as const) {
      await page.goto(new URL(path, product.control).href)
      await page.getByRole('heading', { name: heading, exact: true }).waitFor()
      await picture(page, name, { fullPage: true })
    }
    expect([complaints, product.printed().includes(canary)]).toEqual([[], false])
  })
})
