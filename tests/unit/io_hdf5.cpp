#include <cxrnet/io/hdf5.hpp>

#include "catch.hpp"

TEST_CASE("HDF5 prints nothing while a Session lives, and its own printer returns", "[io]") {
  H5E_auto2_t before = nullptr, during = nullptr, after = nullptr;
  void* data = nullptr;
  H5Eget_auto2(H5E_DEFAULT, &before, &data);
  {
    const cxrnet::hdf5::Session session;
    H5Eget_auto2(H5E_DEFAULT, &during, &data);
  }
  H5Eget_auto2(H5E_DEFAULT, &after, &data);
  CHECK(during == nullptr);
  CHECK(after == before);
}

TEST_CASE("the innermost reason is given", "[io]") {
  const cxrnet::hdf5::Session session;
  REQUIRE(H5Fopen("/nowhere/at/all.h5", H5F_ACC_RDONLY, H5P_DEFAULT) < 0);
  CHECK(cxrnet::hdf5::Session::reason().find("No such file or directory") != std::string::npos);
}

TEST_CASE("a Handle closes what it holds, once", "[io]") {
  hid_t id = H5I_INVALID_HID;
  {
    cxrnet::hdf5::Handle first(H5Screate(H5S_SCALAR), H5Sclose);
    id = first.get();
    cxrnet::hdf5::Handle second(std::move(first));
    CHECK_FALSE(first.valid());
    CHECK(second.get() == id);
    second = cxrnet::hdf5::Handle(H5Screate(H5S_SCALAR), H5Sclose);
    CHECK(H5Iis_valid(id) == 0);
    id = second.get();
    CHECK(H5Iis_valid(id) > 0);
  }
  CHECK(H5Iis_valid(id) == 0);
}
