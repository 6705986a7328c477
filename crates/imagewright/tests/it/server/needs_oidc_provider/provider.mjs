// A provider for tests: npm's oidc-provider, with one client and whoever is named in the form it shows.
//
//   node provider.mjs FOLDER REDIRECT
//
// FOLDER has its node_modules. Says `listening on PORT`.
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const [folder, redirect] = process.argv.slice(2);
const entry = createRequire(`${folder}/`).resolve('oidc-provider');
const { default: Provider } = await import(pathToFileURL(entry));

const groups = { ada: ['ml', 'ml-admins', 'operators'], bob: ['ml'] };
const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address();
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: 'imagewright', client_secret: 'client-secret', redirect_uris: [redirect] }],
  claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups'], email: ['email'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: async () => ({
      sub: id, name: id.toUpperCase(), preferred_username: id, email: `${id}@mail.example`, groups: groups[id] ?? [],
    }),
  }),
  pkce: { required: () => true },
});
server.on('request', provider.callback());
console.log(`listening on ${port}`);
