import type { Page } from 'playwright-core'

/** From any page of an administrator: adds an organisation by its form. */
export async function addOrganisation(page: Page, name: string): Promise<void> {
  await page.getByRole('link', { name: 'Consumers' }).click()
  await page.getByRole('link', { name: 'Organisations' }).click()
  await page.getByRole('link', { name: 'Add an organisation' }).click()
  await page.getByLabel('Name').fill(name)
  await page.keyboard.press('Enter')
  await page.waitForSelector('.notice.good')
}
