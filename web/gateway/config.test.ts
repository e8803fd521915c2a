import { expect, test } from 'vitest';
import { readGatewayConfig } from './config.ts';

const read = (...args: readonly string[]) => readGatewayConfig(['--keypair', 'identity.json', ...args], {});

test('origins, and the header of a proxy, are not looked at unless told', async () => {
  const plain = { config: { allowOrigin: [], unpaidPerMinute: 60, unpaidPerMinuteInAll: 1_200 } };
  const came = await read();
  expect(came).toMatchObject(plain);
  expect(came).not.toHaveProperty('config.clientAddressHeader');
  const args = ['--allow-origin', 'https://dapp.example,http://127.0.0.1:5173', '--client-address-header', 'X-Real-IP'];
  expect(await read(...args)).toMatchObject({
    config: { allowOrigin: ['https://dapp.example', 'http://127.0.0.1:5173'], clientAddressHeader: 'X-Real-IP' },
  });
  expect(await read('--allow-origin', '*')).toMatchObject({ config: { allowOrigin: ['*'] } });
});

test.each([
  ['--allow-origin', 'https://dapp.example/', 'must be an origin such as https://example.org, or *'],
  ['--allow-origin', 'dapp.example', 'must be an origin such as https://example.org, or *'],
  ['--client-address-header', 'X Real', 'must be the name of a header'],
])('%s %s is refused', async (option, value, sentence) => {
  const refused = read(option, value);
  await expect(refused).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await expect(refused).rejects.toSatisfy(
    (error: Error) => JSON.stringify(error).includes(sentence) || error.message.includes(sentence),
  );
});
