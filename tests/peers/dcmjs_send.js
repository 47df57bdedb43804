// Stores files with dcmjs-dimse: HOST PORT CALLED_AE FILE... One line of JSON: the status of each file, by place.
// NODE_PATH names the folder with node_modules.
const dimse = require("dcmjs-dimse");
const { Client } = dimse;
const { CStoreRequest } = dimse.requests;

dimse.log.level = "error";
const [host, port, called, ...files] = process.argv.slice(2);
const statuses = {};
const client = new Client();
files.forEach((file, place) => {
  const request = new CStoreRequest(file);
  request.on("response", (response) => {
    statuses[place] = response.getStatus();
  });
  client.addRequest(request);
});
client.on("networkError", (error) => {
  console.error(error.message);
  process.exit(1);
});
client.on("closed", () => {
  console.log(JSON.stringify(statuses));
  process.exit(0);
});
client.send(host, Number(port), "DCMJS", called);
