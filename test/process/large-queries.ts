// Sends a query many times concurrently, and reads the responses without parsing them. Arguments: URL KEY QUERY COUNT
const [url = '', key = '', query = '', count] = process.argv.slice(2);
const sendQuery = async () => {
  const headers = { 'content-type': 'application/json', 'x-api-key': key };
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
  return (await response.arrayBuffer()).byteLength;
};
const sizes = await Promise.all(Array.from({ length: Number(count) }, sendQuery));
process.stdout.write(`smallest: ${Math.min(...sizes)}\n`);
